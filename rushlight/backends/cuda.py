"""Switches for products on a GPU: kept as they are set."""

from types import SimpleNamespace

matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
    fp32_precision="none",
)
_attention = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def is_built() -> bool:
    """Whether this build has code for NVIDIA GPUs."""
    return False


def enable_flash_sdp(enabled: bool) -> None:
    """Allows or forbids the flash kernel for attention."""
    _attention["flash"] = bool(enabled)


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Allows or forbids the memory-efficient kernel for attention."""
    _attention["mem_efficient"] = bool(enabled)


def enable_math_sdp(enabled: bool) -> None:
    """Allows or forbids attention by its formula, the only kernel here."""
    _attention["math"] = bool(enabled)


def enable_cudnn_sdp(enabled: bool) -> None:
    """Allows or forbids cuDNN's kernel for attention."""
    _attention["cudnn"] = bool(enabled)


def flash_sdp_enabled() -> bool:
    """Whether the flash kernel is allowed."""
    return _attention["flash"]


def mem_efficient_sdp_enabled() -> bool:
    """Whether the memory-efficient kernel is allowed."""
    return _attention["mem_efficient"]


def math_sdp_enabled() -> bool:
    """Whether attention by its formula is allowed."""
    return _attention["math"]


def cudnn_sdp_enabled() -> bool:
    """Whether cuDNN's kernel is allowed."""
    return _attention["cudnn"]
