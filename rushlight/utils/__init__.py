"""Helpers beside the networks: data loading, checkpointing, hook handles."""

from .._core.names import lazily
from . import checkpoint as checkpoint
from . import data as data
from . import hooks as hooks
from .swapping import swap_tensors as swap_tensors

__getattr__ = lazily(__name__)
