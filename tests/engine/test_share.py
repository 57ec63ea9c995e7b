"""How threads take tasks: each its own part first, all of them once, the counts ready after it."""

import ctypes

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from rushlight._engine.builder import I64, Module
from rushlight._engine.kernels.share import COUNTER, drawn
from rushlight._engine.load import loaded
from rushlight._engine.targets.host import compiled, host


def taker():
    """A function (seen, me, threads, counters, n): the tasks that a thread takes, behind their
    number."""
    module = Module(host())
    f = module.function("k", "seen:ptr me:i64 threads:i64 work:ptr n:i64", shared=True)
    seen, me, threads, work, n = f.args
    with drawn(f, work, me, threads, n) as task:
        count = f.load(seen, I64) + 1
        f.store(seen, count)
        seen.write(count, task)
    f.done()
    code = loaded(compiled(str(module), host()), ["k"])
    whole, at = ctypes.c_int64, ctypes.c_void_p
    call = ctypes.CFUNCTYPE(None, at, whole, whole, at, whole)(code.addresses["k"])

    def taken(me, threads, counters, n):
        seen = np.zeros(n + 1, np.int64)
        call(seen.ctypes.data, me, threads, counters.ctypes.data, n)
        return seen[1 : seen[0] + 1].tolist()

    taken.code = code
    return taken


def test_a_thread_begins_with_its_own_part_and_goes_on_with_what_others_left():
    taken, counters = taker(), np.zeros(COUNTER // 8, np.int64)
    assert taken(1, 3, counters, 10) == [3, 4, 5, 6, 7, 8, 9, 0, 1, 2]
    assert counters.any()
    assert taken(0, 3, counters, 10) == taken(2, 3, counters, 10) == []
    assert not counters.any()


@pytest.mark.parametrize("threads", [1, 2, 7, 16, 40])
@pytest.mark.parametrize("n", [1, 12, 37])
def test_the_counts_are_ready_for_the_next_kernel(threads, n):
    taken, counters = taker(), np.zeros(COUNTER // 8, np.int64)
    for _ in range(2):
        found = [task for me in range(threads) for task in taken(me, threads, counters, n)]
        assert sorted(found) == [*range(n)]
        assert not counters.any()
