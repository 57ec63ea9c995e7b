"""How threads share a kernel's work: small work in even parts, large work by a counter, so that a
thread whose core is taken by others does not make the rest wait."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..builder import I64, Function, Val
from ..threads import barrier
from .nest import part

PARTIALS = 4096  # bytes at the start of the workspace, whatever the kernel
COUNTER = 128  # of them, words that count tasks: zero whenever no kernel runs
_EVEN = 12  # tasks: fewer are shared out beforehand
GIVEN = "buffers:ptr me:i64 threads:i64 control:ptr work:ptr"  # to every kernel


def meet(f: Function) -> None:
    """No thread of a kernel goes on before all have come."""
    *_, threads, control, _ = f.args
    f.call(barrier(f.module), control, threads)


@contextmanager
def tasks(f: Function, n: int) -> Iterator[Val]:
    """The body once for each of n tasks, each run by one thread."""
    _, me, threads, _, work = f.args
    if n == 1:
        with f.when(me.equals(0)):
            yield f.index(0)
    elif n < _EVEN:
        first, last = part(f, n, me, threads)
        with f.loop(first, last) as task:
            yield task
    else:
        with drawn(f, work, me, threads, f.index(n)) as task:
            yield task


@contextmanager
def grouped(f: Function, n: int, size: int) -> Iterator[Val]:
    """The body once for each of n items, of which a task has `size`."""
    with tasks(f, -(-n // size)) as task:
        first = task * size
        with f.loop(first, f.least(first + size, n)) as item:
            yield item


@contextmanager
def drawn(f: Function, work: Val, me: Val, threads: Val, n: Val) -> Iterator[Val]:
    """The body for each of n tasks that this thread draws from the counters at `work`: its own
    part, maybe in its cache, then what others have left (MLP, batch 64: 330 -> 300 us)."""
    parts = f.least(threads, COUNTER // 8)
    with f.loop(0, parts) as turn:
        whose = (me + turn) % parts
        first, last = part(f, n, whose, parts)
        count = work.shifted(whose, I64)
        with f.forever() as out:
            task = first + f.op(I64, 1, f"atomicrmw add {count}, i64 1 monotonic")
            # The last thread to find nothing left makes the counter ready for the next kernel.
            with f.when(task.equals(last + threads - 1)):
                f.store(count, f.const(0, I64))
            f.leave_if(task >= last, out)
            yield task
