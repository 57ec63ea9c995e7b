"""What the processor can do."""

import numpy as np


def get_cpu_capability() -> str:
    """The widest vector instructions that NumPy found: "AVX512", "AVX2" or "DEFAULT"."""
    found = np.show_config(mode="dicts") or {}
    features = found.get("SIMD Extensions", {})
    names = set(features.get("baseline", [])) | set(features.get("found", []))
    if any(name.startswith(("AVX512", "X86_V4")) for name in names):
        return "AVX512"
    return "AVX2" if names & {"AVX2", "X86_V3"} else "DEFAULT"
