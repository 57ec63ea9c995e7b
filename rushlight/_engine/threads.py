"""One pool of threads that run a whole program side by side, meeting at light barriers.

A program is a function (args, thread, threads, control). Its caller is thread 0. Waiting is a short
spin, then the core is offered to others; workers that find nothing to do for a while sleep until
they are woken. The pool is the process's own: after a fork the child starts another.
"""

import ctypes
import os
import threading
from functools import cache
from typing import Any

from . import cache as disk
from .builder import BOOL, I32, I64, POINTER, Function, Module, Val
from .load import Code, loaded
from .system import YIELD, processors
from .targets.host import Host, compiled, host

# The control block: one line of 64 bytes for each word that several threads write.
_TICKET, _SLEEPING, _PROGRAM, _ARRIVED, _ROUND, _DONE = 0, 64, 128, 192, 256, 320
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


def barrier(module: Module) -> str:
    """The name of the module's barrier (control, threads): nobody leaves before all have come."""
    name = "barrier"
    if any(f.name == name for f in module.functions):
        return name
    f = module.function(name, "control:ptr threads:i64")
    control, threads = f.args
    with f.when(threads > 1):
        turn = control.shifted(_ROUND, _BYTE)
        seen = _atomic_load(f, turn)
        came = _atomic_add(f, control.shifted(_ARRIVED, _BYTE), 1)
        last = came.equals(f.cast(threads, I32) - 1)
        with f.when(last):
            _atomic_store(f, control.shifted(_ARRIVED, _BYTE), f.const(0, I32), "monotonic")
            _atomic_store(f, turn, seen + 1)
        with f.when(last ^ f.const(1, BOOL)):
            _wait(f, lambda: _atomic_load(f, turn).compared("ne", seen))
    f.done()
    return name


_BYTE = BOOL  # one byte in memory


def _worker(module: Module) -> None:
    """What a worker runs until it is given the null program; state: control, thread, ticket."""
    f = module.function("worker", "state:ptr", shared=True)
    (state,) = f.args
    control, me = f.load(state, POINTER), f.load(state.shifted(1, I64), I64)
    ticket, sleeping = control.shifted(_TICKET, _BYTE), control.shifted(_SLEEPING, _BYTE)
    done = control.shifted(me * 64 + _DONE, _BYTE)
    seen, spins = f.var(I32, 1, f.load(state.shifted(4, I32), I32)), f.var(I32, 1, 0)
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
        task = control.shifted(_PROGRAM, _BYTE)
        program, args = f.load(task, POINTER), f.load(task.shifted(1, I64), POINTER)
        threads = f.load(task.shifted(2, I64), I64)
        nothing = f.op(BOOL, 1, f"icmp eq ptr {program.name}, null")
        f.leave_if(nothing, quit_)
        with f.when(me < threads):
            f.line(_call_of(program, args, me, threads, control))
        _atomic_store(f, done, seen.get())
    _atomic_store(f, done, seen.get())
    f.done()


def _call_of(program: Val, args: Val, me: Val, threads: Val, control: Val) -> str:
    return (
        f"call void {program.name}(ptr {args.name}, i64 {me.name}, i64 {threads.name}, "
        f"ptr {control.name})"
    )


def _runner(module: Module) -> None:
    """run: a program on all threads, the caller being thread 0; back when all are done."""
    f = module.function(
        "run", "control:ptr program:ptr args:ptr threads:i64 workers:i64", shared=True
    )
    control, program, args, threads, workers = f.args
    task = control.shifted(_PROGRAM, _BYTE)
    f.store(task, program)
    f.store(task.shifted(1, I64), args)
    f.store(task.shifted(2, I64), threads)
    ticket = control.shifted(_TICKET, _BYTE)
    now = _atomic_add(f, ticket, 1, "seq_cst") + 1
    with f.when(_atomic_load(f, control.shifted(_SLEEPING, _BYTE), "seq_cst") > 0):
        f.target.wake(f, ticket)
    with f.when(f.op(BOOL, 1, f"icmp ne ptr {program.name}, null")):
        f.line(_call_of(program, args, f.const(0, I64), threads, control))
    with f.loop(1, workers + 1) as w:
        done = control.shifted(w * 64 + _DONE, _BYTE)
        _wait(f, lambda: _atomic_load(f, done).equals(now))
    f.done()
    f = module.function("alone", "control:ptr program:ptr args:ptr", shared=True)
    control, program, args = f.args
    f.line(_call_of(program, args, f.const(0, I64), f.const(1, I64), control))
    f.done()


@cache
def _code(target: Host) -> Code:
    """The pool's own functions, from the disk cache where they are there."""
    module = Module(target)
    _worker(module)
    _runner(module)
    text = str(module)
    key = disk.key_of("threads", target.key, text)
    image = disk.read(key)
    if image is None:
        image = compiled(text, target)
        disk.write(key, image)
    return loaded(image, ["worker", "run", "alone"])


class Pool:
    """The threads of this process, started when a program first needs them."""

    def __init__(self) -> None:
        self.threads = processors()
        self._lock = threading.Lock()
        self._control, self._workers, self._kept = 0, 0, []
        addresses = _code(host()).addresses
        pointer = ctypes.c_void_p
        self._run = ctypes.CFUNCTYPE(
            None, pointer, pointer, pointer, ctypes.c_int64, ctypes.c_int64
        )(addresses["run"])
        self._alone = ctypes.CFUNCTYPE(None, pointer, pointer, pointer)(addresses["alone"])
        self._worker = ctypes.CFUNCTYPE(None, pointer)(addresses["worker"])
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def run(self, program: int, args: int, threads: int) -> None:
        """A program on up to `threads` threads: on one where another caller has the pool."""
        threads = min(threads, self.threads)
        if threads > 1 and self._lock.acquire(blocking=False):
            try:
                if self._workers < threads - 1:
                    self._start(threads - 1)
                self._run(self._control, program, args, threads, self._workers)
            finally:
                self._lock.release()
        else:
            self._alone(None, program, args)

    def _start(self, workers: int) -> None:
        if not self._control:
            block = ctypes.create_string_buffer(_DONE + 64 * (_MOST + 2))
            self._control = (ctypes.addressof(block) + 63) & -64
            self._kept.append(block)
        for me in range(self._workers + 1, workers + 1):
            # A worker started late must not take an earlier ticket for news.
            ticket = ctypes.c_int32.from_address(self._control + _TICKET).value
            state = (ctypes.c_int64 * 3)(self._control, me, ticket)
            self._kept.append(state)
            thread = threading.Thread(
                target=self._worker, args=(ctypes.addressof(state),), daemon=True,
                name=f"rushlight-{me}",
            )  # fmt: skip
            thread.start()
        self._workers = workers

    def stop(self) -> None:
        """Let the workers end."""
        with self._lock:
            if self._workers:
                self._run(self._control, None, None, 0, self._workers)
                self._control, self._workers, self._kept = 0, 0, []

    def _forget(self) -> None:
        """In a forked child there are no workers, and a lock that was held stays held."""
        self._lock = threading.Lock()
        self._control, self._workers, self._kept = 0, 0, []


@cache
def pool() -> Pool:
    """The pool of this process."""
    return Pool()


def set_threads(n: int) -> None:
    """How many threads programs may use from here on."""
    pool().threads = max(1, min(n, _MOST))
