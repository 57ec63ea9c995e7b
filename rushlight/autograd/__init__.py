"""Automatic differentiation: `backward`, `grad`, and operations with gradients of one's own."""

from .._core.backward import backward, grad
from .._core.modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from .._core.modes import is_grad_enabled as is_grad_enabled
from .._core.names import lazily
from .._tensor import Tensor as Variable
from . import forward_ad, functional, graph
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function, once_differentiable
from .gradcheck import GradcheckError, gradcheck, gradgradcheck

set_grad_mode = set_grad_enabled
__getattr__ = lazily(__name__, {"ProfilerActivity": "profiler"})

__all__ = [
    "Function", "GradcheckError", "Variable", "backward", "detect_anomaly", "enable_grad",
    "forward_ad", "functional", "grad", "gradcheck", "gradgradcheck", "graph", "inference_mode",
    "no_grad", "once_differentiable", "set_detect_anomaly", "set_grad_enabled",
]  # fmt: skip
