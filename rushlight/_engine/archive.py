"""The files of an exported program: arrays and machine code collected, then written at once."""

import importlib.util
import json
import marshal
import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .._core.memory import LINE

LIMIT = (1 << 32) - (1 << 20)  # bytes: Python's own reader of such archives goes no further
_MAIN = """import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import program

print(program.load())
"""


class Archive:
    """Arrays (each once) and code, by number and place."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self.numbers: dict[int, int] = {}  # id of an array -> its number
        self.images = b""

    def array(self, a: np.ndarray) -> int:
        """The number of an array, whose values are read when all is written."""
        if id(a) not in self.numbers:
            self.numbers[id(a)] = len(self.arrays)
            self.arrays.append(a)
        return self.numbers[id(a)]

    def code(self, image: bytes) -> tuple[int, int]:
        """Where an object file begins and ends."""
        start = len(self.images)
        self.images += image
        return start, len(self.images)

    def write(self, path: Any, told: dict, words: str, loader: str) -> None:
        """All of it, to a file; to a folder where the path has no ending, or a slash at its end."""
        places, data = self._data()
        files = {"words.py": words.encode(), "code.bin": self.images, "arrays.bin": data}
        told["arrays"] = places
        told["files"] = {name: (len(body), zlib.crc32(body)) for name, body in files.items()}
        told["sum"] = zlib.crc32(json.dumps(told).encode())
        files |= {
            "manifest.json": json.dumps(told).encode(),
            "program.py": loader.encode(),
            "__main__.py": _MAIN.encode(),
        }
        target = Path(path)
        if str(path).endswith(("/", os.sep)) or not target.suffix:
            _folder(target, files)
        else:
            _file(target, files | {"program.pyc": _byte_code(loader)})

    def _data(self) -> tuple[list, bytes]:
        places, parts, at = [], [], 0
        for a in self.arrays:
            order = None
            if not a.flags.c_contiguous:
                order = sorted(range(a.ndim), key=lambda i: -abs(a.strides[i]))
                if not a.transpose(order).flags.c_contiguous:
                    raise RuntimeError(
                        f"export: an array of {a.shape} that the program keeps lies in memory with "
                        f"gaps (strides {a.strides}): make it contiguous"
                    )
            body = (a.transpose(order) if order else a).tobytes()
            body += b"\0" * (-len(body) % LINE)
            descr = a.dtype.str if a.dtype.names is None else [list(f) for f in a.dtype.descr]
            places.append((at, list(a.shape), descr, order))
            parts.append(body)
            at += len(body)
        return places, b"".join(parts)


def _byte_code(text: str) -> bytes:
    """The loader as this Python compiles it, tied to its text: others compile the text itself."""
    code = compile(text, "program.py", "exec")
    known = importlib.util.source_hash(text.encode())
    return importlib.util.MAGIC_NUMBER + b"\3\0\0\0" + known + marshal.dumps(code)


def _file(target: Path, files: dict[str, bytes]) -> None:
    if sum(map(len, files.values())) > LIMIT:
        raise RuntimeError(f"export: more than 4 GB: give a folder instead of the file {target}")
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for each, body in files.items():
                archive.writestr(each, body)
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _folder(target: Path, files: dict[str, bytes]) -> None:
    if target.is_dir() and any(target.iterdir()) and not (target / "manifest.json").is_file():
        raise FileExistsError(f"export: {target} is a folder with other files in it")
    target.mkdir(parents=True, exist_ok=True)
    for each, body in files.items():
        (target / each).write_bytes(body)
