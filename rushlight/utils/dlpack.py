"""DLPack: tensors shared with other libraries without a copy."""

from .._creation import from_dlpack, to_dlpack

__all__ = ["from_dlpack", "to_dlpack"]
