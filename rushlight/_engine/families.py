"""The families of kernels: for each kind of description, who writes it and what room it needs."""

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
from .kernels.order import Order
from .kernels.pooling import Pooling
from .kernels.random import Draw
from .kernels.scan import Scan


def kernel(module: Module, told: Any) -> str:
    """The name of the function (buffers, thread, threads, control, scratch) that is described."""
    if isinstance(told, Convolution):
        return convolution.kernel(module, told)
    if isinstance(told, Pooling):
        return pooling.kernel(module, told)
    if isinstance(told, Product):
        return (skinny if skinny.suits(told) else matmul).kernel(module, told)
    if isinstance(told, Draw):
        return random.kernel(module, told.count, told.width, told.state.buffer, told.out.buffer)
    if isinstance(told, Gather):
        return gather.kernel(module, told)
    if isinstance(told, Scan):
        return scan.kernel(module, told)
    if isinstance(told, Order):
        return order.kernel(module, told)
    if isinstance(told, Attention):
        return attention.kernel(module, told)
    return rows.kernel(module, told)


def workspace(told: Any, target: Any, threads: int) -> int:
    """Bytes of scratch memory that it needs, behind the first PARTIALS."""
    if isinstance(told, Convolution):
        return convolution.workspace(target, told, threads)
    if isinstance(told, Pooling):
        return pooling.workspace(target, told, threads)
    if isinstance(told, Product):
        shared = told.shared(target)
        return shared + (told.panel(target) - shared) * threads
    if isinstance(told, (Draw, Gather)):
        return 0
    if isinstance(told, Scan):
        return scan.workspace(told)
    if isinstance(told, Order):
        return order.workspace(told, threads)
    if isinstance(told, Attention):
        return attention.workspace(told, target, threads)
    return rows.workspace(told, target, threads)


def work(told: Any) -> int:
    """How much it does: a multiply-add counts an eighth of an element's word."""
    if isinstance(told, (Convolution, Pooling)):
        return rows.work(told.nest) + told.macs // 8
    if isinstance(told, Product):
        nest = told.nest
        items = nest.rows // max(nest.lead[-1], 1)
        read = items * told.inner * (nest.lead[-1] + nest.length)
        return rows.work(nest) + read + nest.rows * nest.length * told.inner // 8
    if isinstance(told, Gather):
        return gather.work(told)
    if isinstance(told, Scan):
        return rows.work(told.nest) + 4 * told.nest.rows * told.nest.length
    if isinstance(told, Order):
        return order.work(told)
    if isinstance(told, Attention):
        return attention.work(told)
    return 4 * told.count if isinstance(told, Draw) else rows.work(told)
