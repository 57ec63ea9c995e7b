"""`torch.multiprocessing`: Python's own processes and queues; tensors are copied, not shared.

Differs: PyTorch lets processes share a tensor's memory; here each process gets a copy.
"""

import multiprocessing as _python
from collections.abc import Callable
from multiprocessing import (
    Event,
    JoinableQueue,
    Lock,
    Manager,
    Pipe,
    Pool,
    Process,
    Queue,
    SimpleQueue,
    active_children,
    cpu_count,
    current_process,
    freeze_support,
    get_all_start_methods,
    get_context,
    get_start_method,
    set_start_method,
)
from typing import Any

from ._core.names import lazily

__all__ = [
    "Event", "JoinableQueue", "Lock", "Manager", "Pipe", "Pool", "Process", "Queue", "SimpleQueue",
    "active_children", "cpu_count", "current_process", "freeze_support", "get_all_start_methods",
    "get_context", "get_start_method", "set_start_method", "spawn",
]  # fmt: skip
__getattr__ = lazily(__name__)


def spawn(
    fn: Callable, args: tuple = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
    start_method: str = "spawn",
) -> list[Any] | None:  # fmt: skip
    """Runs `fn(index, *args)` in `nprocs` new processes; waits for them, or gives them back.

    Raises:
        RuntimeError: a process ended with an error.
    """
    context = _python.get_context(start_method)
    processes = []
    for index in range(nprocs):
        process = context.Process(target=fn, args=(index, *args), daemon=daemon)
        process.start()
        processes.append(process)
    if not join:
        return processes
    for process in processes:
        process.join()
    failed = [index for index, process in enumerate(processes) if process.exitcode]
    if failed:
        code = processes[failed[0]].exitcode
        raise RuntimeError(f"process {failed[0]} terminated with exit code {code}")
    return None
