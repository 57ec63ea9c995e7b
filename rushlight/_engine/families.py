"""The families of kernels: for each kind of description, who writes it, its room and its work.

A family is a module with `write`, a function's body, `work` as below, and `workspace` where it
needs any.
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
from .kernels.share import GIVEN

_FAMILIES: dict[type, Any] = {
    rows.Nest: rows, matmul.Product: matmul, convolution.Convolution: convolution,
    pooling.Pooling: pooling, attention.Attention: attention, gather.Gather: gather,
    scan.Scan: scan, order.Order: order, random.Draw: random,
}  # fmt: skip


def _family(told: Any) -> Any:
    if isinstance(told, matmul.Product) and skinny.suits(told):
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
    family = _family(told)
    return family.workspace(told, target, threads) if hasattr(family, "workspace") else 0


def work(told: Any) -> int:
    """How much it does: a multiply-add counts an eighth of an element's word."""
    return _family(told).work(told)
