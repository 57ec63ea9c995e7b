"""Helpers beside the networks: data loading, checkpointing, hook handles."""

from . import checkpoint as checkpoint
from . import data as data
from . import hooks as hooks
