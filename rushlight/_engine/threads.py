"""One pool of threads that run a whole program side by side, meeting at light barriers.

A program is a function (args, thread, threads, control). Its caller is thread 0. Waiting is a short
spin, then the core is offered to others; workers that find nothing to do for a while sleep until
they are woken. The pool is the process's own: after a fork the child starts another.
"""

import ctypes
import threading
from functools import cache
from typing import Any

from .._core.processors import processors
from .._settings import get_num_threads, threads_told
from . import cache as disk
from .builder import I32, I64, POINTER, Function, Module, Val, once
from .forked import lock, mended
from .load import Code, loaded
from .system import YIELD
from .targets.host import Host, compiled, host

# The control block: one line of 64 bytes for each word that several threads write.
_TICKET, _SLEEPING, _PROGRAM, _ARRIVED, _ROUND, _DONE = 0, 64, 128, 192, 256, 320
# Words that only holders of Python's lock write: programs that run without it, workers that there
# are, threads that a program may use.
RUNNING, WORKERS, MOST = 320, 328, 336
# A program's pace: the mean ticks of its runs together and of those alone; which way it goes now;
# tries left of the other way; ticks of running until that is tried next, and how many it rests
# after that. Time between runs does not count: the first ones after a pause are slow either way.
_WAY, _LEFT, _UNTIL, _REST = 2, 3, 4, 5
_TRIES = 3  # the first one wakes the others
_SOONEST, _LATEST = 1_000_000, 100_000_000  # ticks: 0.3 to 30 ms
_MOST = 64  # threads
_SPINS = 4000  # pauses before a worker sleeps: about 0.1 ms
_PATIENCE = 300  # pauses at a barrier before the core is offered to others


def _atomic_load(f: Function, at: Val, order: str = "acquire") -> Val:
    return f.op(I32, 1, f"load atomic i32, ptr {at.name} {order}, align 4")


def _atomic_store(f: Function, at: Val, x: Val, order: str = "release") -> None:
    f.line(f"store atomic i32 {x.name}, ptr {at.name} {order}, align 4")


def _atomic_add(f: Function, at: Val, n: int, order: str = "acq_rel") -> Val:
    return f.op(I32, 1, f"atomicrmw add ptr {at.name}, i32 {n} {order}")


def _wait(f: Function, over: Any) -> None:
    """Spin until `over()` holds, offering the core to others after a while."""
    spins = f.var(I32, 1, 0)
    f.declare(YIELD, "i32", [])
    with f.forever() as out:
        f.leave_if(over(), out)
        f.target.pause(f)
        spins.set(spins.get() + 1)
        with f.when(spins.get() > _PATIENCE):
            f.call(YIELD, result=I32)


@once("control:ptr threads:i64")
def barrier(f: Function) -> None:
    """The name of the module's barrier (control, threads): nobody leaves before all have come."""
    control, threads = f.args
    if not f.target.meet(f):
        _meet(f, control, threads)


def _meet(f: Function, control: Val, threads: Val) -> None:
    with f.when(threads > 1):
        turn = control.shifted(_ROUND)
        seen = _atomic_load(f, turn)
        came = _atomic_add(f, control.shifted(_ARRIVED), 1)
        last = came.equals(f.cast(threads, I32) - 1)
        with f.when(last):
            _atomic_store(f, control.shifted(_ARRIVED), f.const(0, I32), "monotonic")
            _atomic_store(f, turn, seen + 1)
        with f.when(last ^ 1):
            _wait(f, lambda: _atomic_load(f, turn).compared("ne", seen))


def heed(f: Function, flag: Val, me: Val, threads: Val, control: Val) -> None:
    """Between kernels: all threads leave the program where a signal's handler raised.

    The first thread asks Python. What was raised stays there, and Python finds it when `call` is
    back. `flag` is a word of the program's own.
    """
    for name, result, params in _PYTHON[:3]:
        f.declare(name, result, params)
    with f.when(me.equals(0)):
        held = f.call("PyGILState_Ensure", result=I32)
        raised = f.call("PyErr_CheckSignals", result=I32)
        assert held is not None and raised is not None
        f.call("PyGILState_Release", held)
        f.store(flag, raised)
    f.call(barrier(f.module), control, threads)
    with f.when(f.load(flag, I32).compared("ne", 0)):
        f.done()
        f.begin(f.label())


# Python's stable interface: the lock that a thread holds to run Python, and its signals.
_PYTHON = (
    ("PyGILState_Ensure", "i32", []),
    ("PyErr_CheckSignals", "i32", []),
    ("PyGILState_Release", "void", ["i32"]),
    ("PyEval_SaveThread", "ptr", []),
    ("PyEval_RestoreThread", "void", ["ptr"]),
)


def _worker(module: Module) -> None:
    """What a worker runs until it is given the null program; state: control, thread, ticket."""
    f = module.function("worker", "state:ptr", shared=True)
    (state,) = f.args
    control, me = f.load(state, POINTER), state.read(1, I64)
    ticket, sleeping = control.shifted(_TICKET), control.shifted(_SLEEPING)
    done = control.shifted(me * 64 + _DONE)
    seen, spins = f.var(I32, 1, state.read(4, I32)), f.var(I32, 1, 0)
    with f.forever() as quit_:
        spins.set(0)
        with f.forever() as go:
            f.leave_if(_atomic_load(f, ticket).compared("ne", seen.get()), go)
            f.target.pause(f)
            spins.set(spins.get() + 1)
            with f.when(spins.get() > _SPINS):
                _atomic_add(f, sleeping, 1, "seq_cst")
                f.target.sleep(f, ticket, seen.get())
                _atomic_add(f, sleeping, -1, "seq_cst")
                spins.set(0)
        seen.set(_atomic_load(f, ticket))
        task = control.shifted(_PROGRAM)
        program, args = f.load(task, POINTER), f.load(task.shifted(1, I64), POINTER)
        threads = task.read(2, I64)
        f.target.leave(f, task.shifted(3, I64))
        f.leave_if(program.equals(0), quit_)
        with f.when(me < threads):
            f.call(program, args, me, threads, control)
        # Stores that pass by the caches keep no order with others, but with an exchange.
        _atomic_store(f, done, seen.get(), "seq_cst")
    _atomic_store(f, done, seen.get())
    f.done()


_TOGETHER = "control:ptr program:ptr args:ptr threads:i64 workers:i64"


def _runner(module: Module) -> None:
    """run: a program at its pace, on all threads where there is none; back when it is done."""
    f = module.function("run", f"{_TOGETHER} pace:ptr", shared=True)
    control, program, args, threads, workers, pace = f.args
    paced, way, since = pace.compared("ne", 0), f.var(I64, 1, 0), f.target.ticks(f)
    with f.when(paced):
        trying = pace.read(_LEFT, I64) > 0
        way.set(pace.read(_WAY, I64) ^ f.cast(trying, I64))
    together = way.get().equals(0)
    with f.when(together):
        f.call("together", control, program, args, threads, workers)
    with f.when(together ^ 1):
        f.call("alone", control, program, args)
    with f.when(paced):
        _note(f, pace, way.get(), since)
    f.done()
    _together(module.function("together", _TOGETHER))
    f = module.function("alone", "control:ptr program:ptr args:ptr", shared=True)
    control, program, args = f.args
    f.call(program, args, f.index(0), f.index(1), control)
    f.done()


def _together(f: Function) -> None:
    """A program on all threads, the caller being thread 0; back when all are done."""
    control, program, args, threads, workers = f.args
    task = control.shifted(_PROGRAM)
    f.store(task, program)
    task.write(1, args)
    task.write(2, threads)
    f.target.note(f, task.shifted(3, I64))
    ticket = control.shifted(_TICKET)
    now = _atomic_add(f, ticket, 1, "seq_cst") + 1
    with f.when(_atomic_load(f, control.shifted(_SLEEPING), "seq_cst") > 0):
        f.target.wake(f, ticket)
    with f.when(program.compared("ne", 0)):
        f.call(program, args, f.index(0), threads, control)
    with f.loop(1, workers + 1) as w:
        done = control.shifted(w * 64 + _DONE)
        _wait(f, lambda: _atomic_load(f, done).equals(now))
    f.done()


def _note(f: Function, pace: Val, way: Val, since: Val) -> None:
    """What a run took, and which way the next one goes.

    Threads that meet wait for each other: where others have a core, a short program is sooner done
    by one. The other way is tried now and then, and taken where it was quicker; or where the mean
    has become more than the other's, as it does when a partner loses its core in the middle.
    """
    word = lambda i: pace.shifted(i, I64)
    get = lambda i: f.load(word(i), I64)
    took = f.target.ticks(f) - since
    left, rest, mean, other = get(_LEFT), get(_REST), get(way), get(1 - way)
    trying, last = left > 0, left.equals(1)
    best = f.select(left.equals(_TRIES), took, f.least(mean, took))
    slowly = f.select(mean.equals(0), took, mean + ((f.least(took, mean * 2) - mean) >> 6))
    mean = f.select(trying, best, slowly)
    turn = f.select(trying, last & (mean < other), (other > 0) & (mean > other))
    again = f.select(trying, last, turn)
    rest = f.select(again, f.least(rest * 2, _LATEST), rest)
    until = f.select(again, rest, get(_UNTIL) - took)
    idle = f.select(turn | (until >= 0), 0, f.const(_TRIES, I64))
    f.store(word(way), mean)
    f.store(word(_WAY), get(_WAY) ^ f.cast(turn, I64))
    f.store(word(_LEFT), f.select(trying, left - 1, idle))
    f.store(word(_UNTIL), until)
    f.store(word(_REST), rest)


def pace() -> Any:
    """The words of a program's pace, as they are before its first run."""
    return (ctypes.c_int64 * 6)(0, 0, 0, 0, 0, _SOONEST)


def _caller(module: Module) -> None:
    """call: what Python calls. Other threads may run Python meanwhile."""
    f = module.function("call", f"{_TOGETHER} pace:ptr", shared=True)
    for name, result, params in _PYTHON[3:]:
        f.declare(name, result, params)
    control, program, args, threads, workers, pace = f.args
    running = control.shifted(RUNNING)
    f.store(running, f.load(running, I64) + 1)
    held = f.call("PyEval_SaveThread", result=POINTER)
    assert held is not None
    alone = threads.equals(1)
    with f.when(alone):
        f.call("alone", control, program, args)
    with f.when(alone ^ 1):
        f.call("run", control, program, args, threads, workers, pace)
    f.call("PyEval_RestoreThread", held)
    f.store(running, f.load(running, I64) - 1)
    f.done()


@cache
def image(target: Host) -> bytes:
    """The pool's own functions as an object file, from the disk cache where they are there."""
    module = Module(target)
    _worker(module)
    _runner(module)
    _caller(module)
    text = str(module)
    return disk.kept(disk.key_of("threads", target.key, text), lambda: compiled(text, target))


class Pool:
    """The threads of this process, started when a program first needs them.

    threads: how many a program may use now. room: how many there may be at any time, for which
    programs set memory aside (two at least: what runs alone for good is not brought here).
    code: the functions of `image`.
    """

    def __init__(self, threads: int, code: Code) -> None:
        self.room = min(max(threads, processors(), 2), _MOST)
        self._lock, self._code = lock(), code
        self._block = ctypes.create_string_buffer(_DONE + 64 * (_MOST + 2))
        self.control = (ctypes.addressof(self._block) + 63) & -64
        self._workers, self._kept = 0, []
        self.limit(threads)
        addresses = code.addresses
        pointer = ctypes.c_void_p
        # As a function of Python's own: what a signal's handler raised is raised when it is back.
        self._call = ctypes.PYFUNCTYPE(
            None, pointer, pointer, pointer, ctypes.c_int64, ctypes.c_int64, pointer
        )(addresses["call"])
        self._worker = ctypes.CFUNCTYPE(None, pointer)(addresses["worker"])
        mended(self)

    def run(self, program: int, args: int, threads: int, pace: Any = None) -> None:
        """A program on up to `threads` threads: on one where another caller has the pool."""
        threads = min(threads, self.threads)
        if threads > 1 and self._lock.acquire(blocking=False):
            try:
                if self._workers < threads - 1:
                    self._start(threads - 1)
                if self._workers >= threads - 1:
                    self._call(self.control, program, args, threads, self._workers, pace)
                    return
            finally:
                self._lock.release()
        self._call(self.control, program, args, 1, 0, None)

    def _start(self, workers: int) -> None:
        """More workers; fewer where the system gives no more threads."""
        while self._workers < workers:
            # A worker started late must not take an earlier ticket for news.
            ticket = ctypes.c_int32.from_address(self.control + _TICKET).value
            state = (ctypes.c_int64 * 3)(self.control, self._workers + 1, ticket)
            thread = threading.Thread(
                target=self._worker, args=(ctypes.addressof(state),), daemon=True,
                name=f"rushlight-{self._workers + 1}",
            )  # fmt: skip
            self._kept.append(state)
            try:
                thread.start()
            except RuntimeError:
                self._kept.pop()
                break
            self._note(self._workers + 1)

    def _note(self, workers: int) -> None:
        """How many workers there are; programs that are entered by a door look it up."""
        self._workers = workers
        ctypes.c_int64.from_address(self.control + WORKERS).value = workers

    def stop(self) -> None:
        """Let the workers end."""
        with self._lock:
            if self._workers:
                workers, self._kept = self._workers, []
                self._note(0)
                self._call(self.control, None, None, 0, workers, None)

    def limit(self, threads: int) -> None:
        """How many threads programs may use from here on, those already compiled included."""
        self.threads = max(1, min(threads, _MOST))
        ctypes.c_int64.from_address(self.control + MOST).value = self.threads

    def _at_fork_reinit(self) -> None:
        """In a forked child there are no workers, and a lock that was held is open again."""
        ctypes.memset(ctypes.addressof(self._block), 0, len(self._block))
        self._kept = []
        self._note(0)
        self.limit(self.threads)


@cache
def code() -> Code:
    """The pool's own functions, ready."""
    return loaded(image(host()), ["worker", "run", "alone", "call"])


_one = lock()  # two threads that ask at once get one pool
_pools: list[Pool] = []


def pool() -> Pool:
    if not _pools:
        with _one:
            if not _pools:
                _pools.append(Pool(get_num_threads(), code()))
                threads_told.append(_pools[0].limit)
    return _pools[0]
