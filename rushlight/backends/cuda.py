"""Switches for products on a GPU: kept as they are set."""

from types import SimpleNamespace

from .._core.naming import named

matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
    fp32_precision="none",
)


def is_built() -> bool:
    """Whether this build has code for NVIDIA GPUs."""
    return False


def _switch(name: str, kernel: str, of: str = " for attention"):
    """What allows a kernel, and what tells whether it is allowed."""
    allowed = True

    def enable(enabled: bool) -> None:
        nonlocal allowed
        allowed = bool(enabled)

    def is_enabled() -> bool:
        return allowed

    return (
        named(enable, f"enable_{name}_sdp", f"Allows or forbids {kernel}{of}."),
        named(is_enabled, f"{name}_sdp_enabled", f"Whether {kernel} is allowed."),
    )


enable_flash_sdp, flash_sdp_enabled = _switch("flash", "the flash kernel")
enable_mem_efficient_sdp, mem_efficient_sdp_enabled = _switch(
    "mem_efficient", "the memory-efficient kernel"
)
enable_math_sdp, math_sdp_enabled = _switch(
    "math", "attention by its formula", ", the only kernel here"
)
enable_cudnn_sdp, cudnn_sdp_enabled = _switch("cudnn", "cuDNN's kernel")
