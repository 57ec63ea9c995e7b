"""Transforms of functions: vmap, grad, vjp, jvp, Jacobians and Hessians."""

from .._core.names import lazily
from .derivatives import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
from .functional_call import functional_call, stack_module_state
from .mapping import vmap

__getattr__ = lazily(__name__)

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "stack_module_state", "vjp", "vmap",
]  # fmt: skip
