"""How tensors print: PyTorch's text, character for character."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ._core import dtypes, modes
from ._core.kinds import known, without_value


class Options(NamedTuple):
    """What `set_printoptions` decides."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PROFILES = {
    "default": Options(),
    "short": Options(precision=2, edgeitems=2),
    "full": Options(threshold=math.inf),
}
_options = Options()


def set_printoptions(
    precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
    linewidth: int | None = None, profile: str | None = None, sci_mode: bool | None = None,
) -> None:  # fmt: skip
    """Sets how tensors print; what is not given stays (but `sci_mode`, which goes back to None).

    Args:
        precision: digits after the point.
        threshold: from more elements than this on, only the edges are shown.
        edgeitems: elements shown at each edge.
        linewidth: characters a line.
        profile: "default", "short" or "full", taken first.
        sci_mode: scientific notation always (True), never (False) or where it is shorter (None).
    """
    global _options
    given = {
        "precision": precision, "threshold": threshold, "edgeitems": edgeitems,
        "linewidth": linewidth,
    }  # fmt: skip
    base = _options if profile is None else PROFILES.get(profile, _options)
    kept = {name: value for name, value in given.items() if value is not None}
    _options = base._replace(sci_mode=sci_mode, **kept)


def get_printoptions() -> dict[str, Any]:
    """The options as a dict."""
    return _options._asdict()


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """`set_printoptions` for a while."""
    global _options
    before = _options
    set_printoptions(**{"sci_mode": before.sci_mode, **options})
    try:
        yield
    finally:
        _options = before


class _Column:
    """How the numbers of one tensor (or their real or imaginary parts) are written."""

    def __init__(self, values: np.ndarray) -> None:
        self.floating = values.dtype.kind == "f"
        self.whole, self.scientific, self.width = True, False, 1
        flat = values.reshape(-1)
        if not self.floating:
            self.width = max([len(str(v)) for v in flat.tolist()], default=1)
            return
        shown = flat[np.isfinite(flat) & (flat != 0)].astype(np.float64)
        if not shown.size:
            return
        self.whole = bool((shown == np.ceil(shown)).all())
        self.scientific = _needs_exponents(np.abs(shown))
        extra = 1 if self.whole and not self.scientific else 0  # the point of a whole number
        self.width = max(1, *(len(self._digits(v)) + extra for v in shown.tolist()))

    def _digits(self, value: float) -> str:
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        return f"{value:.0f}" if self.whole else f"{value:.{_options.precision}f}"

    def text(self, value: Any) -> str:
        """One number, right-aligned in the column."""
        if not self.floating:
            return str(value).rjust(self.width)
        text = self._digits(value)
        if self.whole and not self.scientific and math.isfinite(value):
            text += "."
        return text.rjust(self.width)


def _needs_exponents(sizes: np.ndarray) -> bool:
    if _options.sci_mode is not None:
        return _options.sci_mode
    low, high = float(sizes.min()), float(sizes.max())
    return high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4


class _ComplexColumn:
    """The two columns of a complex tensor."""

    def __init__(self, values: np.ndarray) -> None:
        self.real, self.imaginary = _Column(values.real), _Column(values.imag)
        self.width = self.real.width + self.imaginary.width + 1

    def text(self, value: complex) -> str:
        """One number as `a+bj`."""
        imaginary = self.imaginary.text(value.imag).lstrip() + "j"
        sign = "" if imaginary[0] in "+-" else "+"
        return self.real.text(value.real) + sign + imaginary


def _edges(values: np.ndarray) -> np.ndarray:
    """What summarising shows: the first and last items along each axis."""
    edge = _options.edgeitems
    if not edge and values.ndim > 1:
        return values[(slice(0),) * values.ndim]
    for axis, size in enumerate(values.shape):
        if size > 2 * edge:
            ends = np.r_[0:edge, size - edge : size]
            values = values.take(ends, axis)
    return values


def _vector(values: np.ndarray, indent: int, summarize: bool, column: Any) -> str:
    edge = _options.edgeitems
    if summarize and not edge:
        items = ["..."]
    elif summarize and len(values) > 2 * edge:
        first, last = values[:edge].tolist(), values[-edge:].tolist()
        items = [*map(column.text, first), " ...", *map(column.text, last)]
    else:
        items = [column.text(v) for v in values.tolist()]
    per_line = max(1, (_options.linewidth - indent) // (column.width + 2))
    lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _nested(values: np.ndarray, indent: int, summarize: bool, column: Any) -> str:
    if values.ndim == 0:
        return column.text(values.item())
    if values.ndim == 1:
        return _vector(values, indent, summarize, column)
    edge, size = _options.edgeitems, len(values)
    rows: list[str] = []
    if summarize and size > 2 * edge:
        first, last = values[:edge], values[size - edge :]
        rows += [_nested(row, indent + 1, summarize, column) for row in first]
        rows.append("...")
        rows += [_nested(row, indent + 1, summarize, column) for row in last]
    else:
        rows = [_nested(row, indent + 1, summarize, column) for row in values]
    between = "," + "\n" * (values.ndim - 1) + " " * (indent + 1)
    return "[" + between.join(rows) + "]"


def array_text(values: np.ndarray, indent: int) -> str:
    """The numbers of an array in brackets, as they stand inside `tensor(...)`."""
    if not values.size:
        return "[]"
    if values.dtype == dtypes.BFLOAT16:
        values = dtypes.from_bfloat16(values)
    summarize = values.size > _options.threshold
    column = _ComplexColumn if values.dtype.kind == "c" else _Column
    return _nested(values, indent, summarize, column(_edges(values) if summarize else values))


def tensor_repr(t: Any) -> str:
    """`repr` of a tensor: numbers, then whatever of dtype, device and gradient is not usual."""
    plain = type(t) is known.tensor or type(t) is known.parameter
    if plain:
        return _written(t, "tensor(")
    with modes.subclass_off():
        made = _written(t, f"{type(t).__name__}(")
    known_parameter = known.parameter is not None and isinstance(t, known.parameter)
    return f"Parameter({made})" if known_parameter else made


def _written(t: Any, prefix: str) -> str:
    return _with_suffixes(prefix + _contents(t, len(prefix)), _suffixes(t), len(prefix))


def _contents(t: Any, indent: int) -> str:
    array = t.array
    if modes.special and modes.local.trace is not None:
        without_value(array, "printing")
    if array.__class__ is np.ndarray:
        return array_text(array, indent)
    return "..."


def _suffixes(t: Any) -> Iterator[str]:
    """The parts after the numbers, in PyTorch's order."""
    on_meta = t.device.type == "meta"
    if t.device.type != "cpu":
        yield f"device='{t.device}'"
    usual = dtypes.get_default_dtype()
    if on_meta or 0 in t.shape:
        if on_meta or len(t.shape) != 1:
            yield f"size={tuple(t.shape)}"
        if t.dtype is not usual:
            yield f"dtype={t.dtype}"
    else:
        if not _options.edgeitems:
            yield f"size={tuple(t.shape)}"
        if t.dtype not in (usual, usual.to_complex(), dtypes.int64, dtypes.bool_):
            yield f"dtype={t.dtype}"
    yield from _gradient_suffix(t)


def _gradient_suffix(t: Any) -> Iterator[str]:
    try:
        node = t.grad_fn
    except RuntimeError:  # a view whose base has since been changed in a way that forbids it
        yield "grad_fn=<Invalid>"
        return
    if node is not None:
        yield f"grad_fn=<{type(node).__name__}>"
    elif t.requires_grad:
        yield "requires_grad=True"


def _with_suffixes(text: str, suffixes: Iterator[str], indent: int) -> str:
    """The parts joined by commas, on a new line where the line would grow too long."""
    used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if used + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            used = indent + len(suffix)
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text + ")"
