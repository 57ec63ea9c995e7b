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
# Python runs byte code in such a file as it is: here it is looked at before.
_FIRST = '''"""The loader of this program: checked, then run as compiled or from its text."""
import importlib.util
import marshal
import zlib

_text, _code = (__loader__.get_data(__file__[:-10] + n) for n in ("loader.py", "loader.bin"))
if (zlib.crc32(_text), zlib.crc32(_code)) != {sums}:
    raise ValueError(__file__[:-11] + ": the loader in it is damaged: copy the file again")
_known = _code.startswith(importlib.util.MAGIC_NUMBER)
exec(marshal.loads(_code[4:]) if _known else compile(_text, "loader.py", "exec"))
'''


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
        target = Path(path)
        folder = str(path).endswith(("/", os.sep)) or not target.suffix
        first, more = loader.encode(), {}
        if not folder:
            code = importlib.util.MAGIC_NUMBER + marshal.dumps(compile(first, "loader.py", "exec"))
            more = {"loader.py": first, "loader.bin": code}
            first = _FIRST.format(sums=tuple(map(zlib.crc32, more.values()))).encode()
        files |= {"program.py": first, "__main__.py": _MAIN.encode()}
        told["arrays"] = places
        told["files"] = {name: (len(body), zlib.crc32(body)) for name, body in files.items()}
        told["sum"] = zlib.crc32(json.dumps(told).encode())
        files |= {"manifest.json": json.dumps(told).encode()} | more
        (_folder if folder else _file)(target, files)

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
