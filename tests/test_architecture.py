"""The house: who may import whom, how large a room may be, and what `import rushlight` loads."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "rushlight"
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_FILE, MAX_FUNCTION = 600, 60

# Room -> layer; the longest match decides. A file imports lower layers, or files of its own room.
LAYERS = {
    "__init__.py": 9,
    "__main__.py": 10,
    "compat.py": 8,
    "cli/": 9,
    "version.py": 0,
    "_core/__init__.py": 0,
    "_core/dtypes.py": 0,
    "_core/devices.py": 0,
    "_core/errors.py": 0,
    "_core/memory.py": 0,
    "_core/modes.py": 0,
    "_core/names.py": 0,
    "_core/spec.py": 1,
    "_core/rng.py": 1,
    "_core/tape.py": 1,
    "_core/kinds.py": 1,
    "_core/": 2,
    "_arrays/": 3,
    "_ops/": 4,
    "_tensor.py": 5,
    "_printing.py": 5,
    "_subclass.py": 3,
    "_keeping.py": 5,
    "_settings.py": 5,
    "profiler/": 5,
    "_creation/": 6,
    "_conversion.py": 6,
    "_methods.py": 7,
    "_loading.py": 7.5,
    "_engine/": 6,
    "_files/": 6,
    "autograd/": 6,
    "amp/": 6,
    "backends/": 6,
    "cuda/": 6.5,  # its older names of amp stand on amp
    "random.py": 6,
    "sparse/": 6.5,
    "_homes.py": 0,
    "_calls.py": 6,
    "_methods_called.py": 6,
    "return_types.py": 8,
    "hub.py": 9,
    "nn/parameter.py": 7,
    "nn/init.py": 7,
    "nn/_reduction.py": 6,
    "nn/functional/": 7,
    "optim/": 7,
    "optim/__init__.py": 8.5,
    "optim/swa_utils.py": 8.5,  # averaged models are modules
    "utils/hooks.py": 6,
    "utils/": 7,
    "nn/": 8,
    "linalg": 8,
    "fft": 8,
    "special": 8,
    "func": 8,
    "testing": 8,
    "compiler": 8,
    "multiprocessing.py": 8,
    "futures.py": 8,
    "serialization": 8.5,  # whole models are modules
    "distributions": 8,
    "distributed": 8,
}

# Packages that a function may import by itself, at their one door, and why.
OPTIONAL = {
    "tqdm": "a progress bar, where the user has it",
    "threading": "needed only where a large file is written in the background",
    "mmap": "not every platform has it, and only large files need it",
    "bz2": "not every Python has it, and only files compressed so need it",
    "lzma": "not every Python has it, and only files compressed so need it",
    "llvmlite": "the extra `fast`",
    "concurrent": "thread pools start only when a DataLoader has workers",
    "multiprocessing": "only a program that asks for processes pays for it",
}

# What importing Rushlight must not bring in (beyond what NumPy itself has loaded).
HEAVY = (
    "llvmlite", "ml_dtypes", "scipy", "torch", "sklearn", "safetensors", "matplotlib", "pandas",
    "multiprocessing", "concurrent", "asyncio", "subprocess", "mmap", "ctypes", "unittest",
    "argparse", "sqlite3", "ssl", "email", "http",
)  # fmt: skip


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room_of(path: Path) -> str:
    rooms = [room for room in LAYERS if name_of(path).startswith(room)]
    assert rooms, f"{name_of(path)} has no place in the table of layers"
    return max(rooms, key=len)


def folder_of(path: Path) -> str:
    """The room in the wide sense: the first folder, inside which files may lean on each other."""
    room = room_of(path)
    return room if room.endswith("/") else path.parent.relative_to(PACKAGE).as_posix() + "/"


def file_of(parts: list[str]) -> Path | None:
    """The file that a dotted name below the package means, if any."""
    base = PACKAGE.joinpath(*parts)
    if base.with_suffix(".py").is_file() and parts:
        return base.with_suffix(".py")
    return base / "__init__.py" if (base / "__init__.py").is_file() else None


def running_imports(tree: ast.AST) -> list[ast.Import | ast.ImportFrom]:
    """The imports that run: those for type checkers alone are left out."""
    found, todo = [], [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(node)
        elif isinstance(node, ast.If) and "CHECKING" in ast.dump(node.test):
            todo.extend(node.orelse)
        else:
            todo.extend(ast.iter_child_nodes(node))
    return found


def targets(path: Path, node: ast.Import | ast.ImportFrom) -> list[Path]:
    """The files of ours that one import statement names."""
    if isinstance(node, ast.Import) or not node.level:
        return []
    here = list(path.relative_to(PACKAGE).parts[:-1])
    base = here[: len(here) - (node.level - 1)] + (node.module.split(".") if node.module else [])
    files = []
    for alias in node.names:
        inner = file_of([*base, alias.name])
        files.append(inner or file_of(base) or base_path(base))
    return files


def base_path(parts: list[str]) -> Path:
    """Where a file of that dotted name would lie."""
    base = PACKAGE.joinpath(*parts)
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


TREES = {path: ast.parse(path.read_text("utf-8")) for path in FILES}
EDGES = {
    path: {file for node in running_imports(tree) for file in targets(path, node)} - {path}
    for path, tree in TREES.items()
}


def test_what_is_imported_exists():
    wrong = [
        f"{name_of(path)} imports {name_of(file)}"
        for path, imported in EDGES.items()
        for file in imported
        if not file.is_file()
    ]
    assert not wrong, wrong


def test_imports_fall():
    wrong = []
    for path, imported in EDGES.items():
        for file in imported:
            mine, theirs = LAYERS[room_of(path)], LAYERS[room_of(file)]
            if theirs > mine or (theirs == mine and folder_of(path) != folder_of(file)):
                wrong.append(f"{name_of(path)} ({mine}) imports {name_of(file)} ({theirs})")
    assert not wrong, "\n".join(wrong)


def test_no_import_circle():
    done, way = set(), []

    def visit(path: Path) -> None:
        if path in way:
            circle = [*way[way.index(path) :], path]
            pytest.fail(" -> ".join(name_of(file) for file in circle))
        if path in done:
            return
        way.append(path)
        for file in sorted(EDGES.get(path, ())):
            visit(file)
        way.pop()
        done.add(path)

    for path in FILES:
        visit(path)


def test_inside_nobody_imports_the_package_by_name():
    wrong = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            wrong += [
                f"{name_of(path)}:{node.lineno}"
                for name in names
                if name.split(".")[0] in ("rushlight", "torch")
            ]
    assert not wrong, wrong


def test_functions_import_only_optional_packages():
    wrong = []
    for path, tree in TREES.items():
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in running_imports(function):
                first = node.names[0].name if isinstance(node, ast.Import) else node.module or "."
                if getattr(node, "level", 0) or first.split(".")[0] not in OPTIONAL:
                    wrong.append(f"{name_of(path)}:{node.lineno} in {function.name}: {first}")
    assert not wrong, "\n".join(wrong)


def test_ops_do_not_know_numpy():
    wrong = []
    for path, tree in TREES.items():
        if not name_of(path).startswith("_ops/"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                wrong += [name_of(path) for alias in node.names if "numpy" in alias.name]
            elif isinstance(node, ast.ImportFrom) and "numpy" in (node.module or ""):
                wrong.append(name_of(path))
    assert not wrong, wrong


def test_only_numpy_and_the_standard_library_are_imported():
    wrong = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            allowed = sys.stdlib_module_names | {"numpy", *OPTIONAL}
            wrong += [
                f"{name_of(path)}:{node.lineno} {name}"
                for name in names
                if name.split(".")[0] not in allowed
            ]
    assert not wrong, wrong


def test_files_and_functions_are_small():
    wrong = []
    for path, tree in TREES.items():
        lines = path.read_text("utf-8").count("\n")
        if lines > MAX_FILE:
            wrong.append(f"{name_of(path)}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = node.end_lineno - node.lineno + 1
                if length > MAX_FUNCTION:
                    wrong.append(f"{name_of(path)}:{node.lineno} {node.name}: {length} lines")
    assert not wrong, "\n".join(wrong)


def test_every_file_says_what_it_is():
    silent = [name_of(path) for path, tree in TREES.items() if not ast.get_docstring(tree)]
    assert not silent, silent


def test_import_loads_nothing_heavy():
    code = (
        "import sys, numpy; before = set(sys.modules); import rushlight; "
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = [name for name in loaded if name.split(".")[0] in HEAVY]
    assert not heavy, heavy
    others = {name.split(".")[0] for name in loaded} - sys.stdlib_module_names - {"numpy"}
    assert others == {"rushlight"}


def test_import_is_quick(record_property):
    """Processor time is reported, with a wide bound: the machine may be busy with other things."""

    def seconds(code: str) -> float:
        code = (
            f"import time; began = time.process_time(); {code}; print(time.process_time() - began)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
        )
        return float(done.stdout)

    ours = min(seconds("import numpy, rushlight") for _ in range(3))
    numpy = min(seconds("import numpy") for _ in range(3))
    record_property("import_milliseconds_above_numpy", round(1000 * (ours - numpy)))
    print(f"import rushlight: {1000 * (ours - numpy):.0f} ms above NumPy's")
    assert ours - numpy < 1.0


def test_idle_threads_of_products_sleep():
    """OpenBLAS's would spin on for 30 ms, beside whatever comes after a product."""
    code = (
        "import os, time, rushlight; x = rushlight.ones(512, 512); x @ x; "
        "began = time.process_time(); time.sleep(0.3); "
        "print(time.process_time() - began, 'OPENBLAS_THREAD_TIMEOUT' in os.environ)"
    )
    asked = {"OPENBLAS_NUM_THREADS": "2", "RUSHLIGHT_ENGINE": "0"}
    kept = {k: v for k, v in os.environ.items() if k != "OPENBLAS_THREAD_TIMEOUT"}
    seconds, left = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True,
        env=kept | asked,
    ).stdout.split()  # fmt: skip
    assert float(seconds) < 0.015
    assert left == "False"


def test_package_is_light():
    found = [p for p in PACKAGE.rglob("*") if p.is_file() and "__pycache__" not in str(p)]
    assert sum(p.stat().st_size for p in found) < 3_000_000


def test_version_is_told_once():
    from rushlight import version

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == version.rushlight
    assert project["dependencies"] == ["numpy>=2.0"]
