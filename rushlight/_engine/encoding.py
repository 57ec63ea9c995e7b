"""What a program's text refers to, as an export's manifest says it (read by shipped/loader.py)."""

import re
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.rng import Generator
from .archive import Archive
from .native import Call, Native
from .sources import Sources, Unshippable
from .straight import Refused
from .targets.host import host
from .threads import image
from .unit import Unit

_OURS = ("lock", "run_on", "empty", "count", "tidy", "Refused", "state_of")
_KEPT = re.compile(r"b\d+")  # memory of a straight line that is kept from run to run


class Encoding:
    """Values, functions and native code, into an archive and a text of words."""

    def __init__(self, archive: Archive, words: Sources) -> None:
        self.archive, self.words = archive, words
        words.heads.append("from numpy import dtype")
        words.taken |= {"dtype", "found"}
        words.names[id(dtypes.carrier)] = "dtype"  # only NumPy's own dtypes come
        self.units: list[dict] = []
        self.images = [archive.code(image(host()))]
        self.streams: list[Generator] = []
        self.places: list[tuple[int, int]] = []
        self.left: list[str] = []  # words that cannot be taken along

    def told(self) -> dict[str, Any]:
        """The manifest's part."""
        return {"units": self.units, "images": self.images, "streams": self.places}

    def dtype(self, d: Any) -> Any:
        """A dtype as text, or as a list of fields."""
        d = dtypes.carrier(d)
        return d.str if d.names is None else [list(field) for field in d.descr]

    def value(self, x: Any) -> Any:
        """A plain value as it is, anything else as a kind and what makes it.

        Raises:
            TypeError: there is no way to say it.
        """
        if x is None or x.__class__ in (bool, int, float, str):
            return x
        if isinstance(x, (tuple, list)):
            return {"tuple" if isinstance(x, tuple) else "list": [self.value(v) for v in x]}
        if isinstance(x, slice):
            return {"slice": [x.start, x.stop, x.step]}
        if x is ...:
            return {"ellipsis": 0}
        if isinstance(x, complex):
            return {"complex": [x.real, x.imag]}
        if isinstance(x, (np.dtype, dtypes.dtype)):
            return {"dtype": self.dtype(x)}
        if isinstance(x, (np.ndarray, np.generic)):
            return {"array": self.archive.array(np.asarray(x))}
        if isinstance(x, Generator):
            return {"stream": self._stream(x)}
        raise TypeError(f"export: a {type(x).__name__} cannot be written down")

    def _stream(self, x: Generator) -> int:
        if x not in self.streams:
            held = (x._bits or x._open()).state["state"]
            self.streams.append(x)
            self.places.append((self.archive.array(held["key"].copy()), int(held["pos"])))
        return self.streams.index(x)

    # -- functions

    def program(self, made: Any) -> dict[str, Any]:
        """A native program, or a straight line, as its text and what its names mean.

        Raises:
            RuntimeError: naming all words that need this package.
        """
        native = isinstance(made, Native)
        told = self._native(made) if native else self._straight(made.run, made.source)
        if self.left:
            raise RuntimeError(
                "export: words that have no kernel yet, and no NumPy code of their own that could "
                f"be taken along: {'; '.join(dict.fromkeys(self.left))}. Leave them out of the "
                "function (draw random numbers outside and pass them in), and export again"
            )
        return told

    def _straight(self, run: Any, source: str) -> dict[str, Any]:
        scope = {}
        for name, x in run.__globals__.items():
            if name in ("__builtins__", "run", "__name__"):
                continue
            if x is Refused:
                scope[name] = {"our": "Refused"}
            elif isinstance(x, np.ndarray) and _KEPT.fullmatch(name):
                scope[name] = {"empty": [list(x.shape), self.dtype(x.dtype)]}
            elif name.startswith("call_"):
                self.left.append("randn and its kin, whose numbers Python draws")
            elif callable(x) and not isinstance(x, (np.dtype, Generator)):
                scope[name] = self._word(x, name)
            else:
                scope[name] = self.value(x)
        return {"source": source, "scope": scope}

    def _word(self, x: Any, name: str) -> Any:
        try:
            found = self.words.name(getattr(np.fft, name, x), name)  # ours look there late
        except Unshippable as left:
            self.left.append(f"{name} ({left})")
            return None
        return {"word": found}

    def _native(self, native: Native) -> dict[str, Any]:
        source, scope = native.source, {}
        at_of: dict[int, int] = {}
        for at, part in enumerate(native.parts):
            if isinstance(part, Unit):
                at_of[at] = k = len(self.units)
                self._unit(part)
                for name, number in ((f"M{at}", part.address), (f"E{at}", part.entry)):
                    source = re.sub(rf"\b{number}\b", name, source)
                scope[f"M{at}"], scope[f"E{at}"] = {"address": k}, {"entry": k}
        kinds = {"T": "table", "O": "alone", "R": "refused", "P": "pace"}
        for name, x in native.run.__globals__.items():
            at = int(name[1:]) if name[1:].isdigit() else -1
            if name in ("__builtins__", "run", "parts"):
                continue
            if name in _OURS:
                scope[name] = {"our": name}
            elif name[0] in kinds and at in at_of:
                scope[name] = {kinds[name[0]]: at_of[at]}
            elif isinstance(x, dict):
                scope[name] = {"nothings": list(x)}
            elif name[0] == "C" and isinstance(native.parts[at], Call):
                straight = native.parts[at].straight
                scope[name] = {"function": self._straight(straight.run, straight.source)}
            else:
                scope[name] = self.value(x)
        return {"source": source, "scope": scope}

    def _unit(self, unit: Unit) -> None:
        """A native function that has not run yet: its table holds its own memory's places only."""
        if unit.clock is not None:
            raise RuntimeError(
                "export: RUSHLIGHT_LOG=time makes programs measure themselves: unset it"
            )
        base = -(-unit.arena.ctypes.data // 64) * 64
        self.images.append(self.archive.code(unit.image))
        self.units.append({
            "arena": unit.arena.size, "table": len(unit.table),
            "places": [(i, a - base) for i, a in enumerate(unit.table) if a],
            "status": len(unit.slots) + 1, "paced": unit.pace is not None,
            "refusals": [where for *_, where in unit.refusals],
        })  # fmt: skip
