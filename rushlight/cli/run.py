"""`rushlight run script.py [args]`: an unmodified program, with `torch` meaning Rushlight."""

import argparse
import io
import os
import runpy
import sys
from collections.abc import Callable
from types import ModuleType, TracebackType
from typing import Any

from ..compat import install_as_torch


def register(commands: Any) -> None:
    """Adds `run` and its arguments to the command line."""
    parser = commands.add_parser(
        "run",
        usage="rushlight run [-m] PROGRAM [ARGUMENTS ...]",
        description="Runs a Python script as python would, with `import torch` giving Rushlight.",
    )
    parser.add_argument("-m", action="store_true", dest="module", help="PROGRAM names a module")
    parser.add_argument("program", help="a script, a folder or zip with a __main__.py")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what the program gets")


def main(args: argparse.Namespace) -> int:
    """Runs the program as `__main__`; an uncaught error ends the process as it would in Python."""
    install_as_torch()
    sys.argv = [args.program, *args.arguments]
    sys.excepthook = _without_our_frames(sys.excepthook)
    if args.module:
        _first_on_path(os.getcwd())
        runpy.run_module(args.program, run_name="__main__", alter_sys=True)
    elif os.path.isfile(args.program) and not args.program.endswith((".zip", ".pyz", ".pyc")):
        _run_script(os.path.abspath(args.program))
    elif os.path.exists(args.program):
        runpy.run_path(args.program, run_name="__main__")
    else:
        print(f"rushlight run: can't open file '{os.path.abspath(args.program)}'", file=sys.stderr)
        return 2
    return 0


def _run_script(path: str) -> None:
    """What python does with a file, in a module that pickle and inspect find as `__main__`."""
    _first_on_path(os.path.dirname(path))
    module = ModuleType("__main__")
    module.__dict__.update(__file__=path, __builtins__=__builtins__, __cached__=None)
    sys.modules["__main__"] = module
    with io.open_code(path) as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, module.__dict__)


def _first_on_path(folder: str) -> None:
    """Puts the program's folder where the command's own was."""
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder


Hook = Callable[[type[BaseException], BaseException, TracebackType | None], Any]


def _without_our_frames(show: Hook) -> Hook:
    """An excepthook whose tracebacks begin in the user's program, as Python's do."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        last = None
        step = trace
        while step is not None:
            if step.tb_frame.f_code.co_filename == __file__:
                last = step
            step = step.tb_next
        ours = last.tb_next if last is not None else trace
        show(kind, error.with_traceback(ours), ours)

    return hook
