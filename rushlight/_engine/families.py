"""The families of kernels: for each kind of description, who writes it, its room and its work.

A family is a module with `workspace` and `work` as below, and `write`: a function's body.
"""

from typing import Any

from .builder import Module
from .kernels import (
    attention,
    convolution,
    gather,
    matmul,
    order,
    pooling,
    random,
    rows,
    scan,
    skinny,
)
from .kernels.attention import Attention
from .kernels.convolution_shape import Convolution
from .kernels.gather import Gather
from .kernels.matmul import Product
from .kernels.nest import Nest
from .kernels.order import Order
from .kernels.pooling import Pooling
from .kernels.random import Draw
from .kernels.scan import Scan
from .kernels.share import GIVEN

_FAMILIES: dict[type, Any] = {
    Nest: rows, Product: matmul, Convolution: convolution, Pooling: pooling, Attention: attention,
    Gather: gather, Scan: scan, Order: order, Draw: random,
}  # fmt: skip


def _family(told: Any) -> Any:
    if isinstance(told, Product) and skinny.suits(told):
        return skinny
    return _FAMILIES[type(told)]


def kernel(module: Module, told: Any) -> str:
    """The name of the function (buffers, thread, threads, control, scratch) that is described."""
    f = module.function(module.fresh(getattr(told, "word", type(told).__name__)), GIVEN)
    _family(told).write(f, told)
    f.done()
    return f.name


def workspace(told: Any, target: Any, threads: int) -> int:
    """Bytes of scratch memory that it needs, behind the first PARTIALS."""
    return _family(told).workspace(told, target, threads)


def work(told: Any) -> int:
    """How much it does: a multiply-add counts an eighth of an element's word."""
    return _family(told).work(told)
