"""The families of kernels: for each kind of description, who writes it and what room it needs."""

from typing import Any

from .builder import Module
from .kernels import convolution, gather, matmul, pooling, random, rows
from .kernels.convolution_shape import Convolution
from .kernels.gather import Gather
from .kernels.matmul import Product
from .kernels.pooling import Pooling
from .kernels.random import Draw


def kernel(module: Module, told: Any) -> str:
    """The name of the function (buffers, thread, threads, control, scratch) that is described."""
    if isinstance(told, Convolution):
        return convolution.kernel(module, told)
    if isinstance(told, Pooling):
        return pooling.kernel(module, told)
    if isinstance(told, Product):
        return matmul.kernel(module, told)
    if isinstance(told, Draw):
        return random.kernel(module, told.count, told.width, told.state.buffer, told.out.buffer)
    if isinstance(told, Gather):
        return gather.kernel(module, told)
    return rows.kernel(module, told)


def workspace(told: Any, target: Any, threads: int) -> int:
    """Bytes of scratch memory that it needs, behind the first PARTIALS."""
    if isinstance(told, Convolution):
        return convolution.workspace(target, told, threads)
    if isinstance(told, Pooling):
        return pooling.workspace(target, told, threads)
    if isinstance(told, Product):
        return told.panel(target) * threads
    if isinstance(told, (Draw, Gather)):
        return 0
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
        moved = told.outer * told.count * told.inner
        return moved if told.mode == "take" else moved + told.outer * told.size * told.inner
    return 4 * told.count if isinstance(told, Draw) else rows.work(told)
