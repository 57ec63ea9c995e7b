"""Saving and loading: PyTorch's files and others, read without running anything that they hold."""

from .._files.records import Checkpoint, Limits, Opaque, Storage, TensorRecord
from .guard import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    get_unsafe_globals_in_checkpoint,
    safe_globals,
)
from .loading import Report, load
from .manager import CheckpointManager, random_state, set_random_state, verify
from .model_file import load_model, save_model
from .saving import Describer, get_crc32_options, save, set_crc32_options

__all__ = [
    "save", "load", "Report", "Limits", "Opaque", "Checkpoint", "Storage", "Describer",
    "TensorRecord", "add_safe_globals", "clear_safe_globals", "get_safe_globals",
    "get_unsafe_globals_in_checkpoint", "safe_globals", "get_crc32_options", "set_crc32_options",
    "CheckpointManager", "verify", "random_state", "set_random_state", "save_model", "load_model",
]  # fmt: skip
