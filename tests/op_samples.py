"""What the walk over all ops draws, how the drawn tensors are laid out, and how results compare."""

import importlib
import math
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from op_calls import CALLS, OF_MEMORY, lines
from op_case import Case, Drawn
from op_cases import CASES, DOMAINS
from op_references import LAWS, VALUES
from op_refusals import REFUSED

import rushlight
from rushlight import _ops
from rushlight._core import dtypes
from rushlight._core.op import Op, records
from rushlight._core.tape import make

for _found in pkgutil.iter_modules(_ops.__path__):
    importlib.import_module(f"{_ops.__name__}.{_found.name}")
RECORDS: list[Op] = list(records())
ARITHMETIC = ("arithmetic", "combined", "complex_numbers", "elementary", "magnitude")


def name_of(record: Op) -> str:
    """A name for test ids: the op's own, with its family where two share it."""
    twins = [r for r in RECORDS if r.name == record.name]
    family = record.function.__module__.rpartition(".")[2]
    return record.name if len(twins) == 1 else f"{family}.{record.name}.{twins.index(record)}"


class Draw:
    """Draws tensors: `draw(3, 4, low=0, high=1)`, `draw.ints`, `draw.bools`, `draw.float64`."""

    def __init__(self, seed: str) -> None:
        self.random = np.random.default_rng(crc32(seed.encode()))

    def __call__(
        self, *shape: int, dtype: str = "float32", low: float = -2, high: float = 2, **_: Any
    ) -> Any:
        name = {"float": "float32", "complex": "complex64"}.get(dtype, dtype)
        values = self.random.uniform(low, high, shape)
        if name.startswith("complex"):
            values = values + 1j * self.random.uniform(low, high, shape)
        return tensor(dtypes.cast(np.asarray(values), dtypes.by_name(name)))

    def ints(self, *shape: int, low: int = 0, high: int = 10, dtype: str = "int64") -> Any:
        """Whole numbers from `low` up to, not including, `high`."""
        return tensor(np.asarray(self.random.integers(low, high, shape), dtype))

    def bools(self, *shape: int) -> Any:
        """Masks."""
        return tensor(np.asarray(self.random.integers(0, 2, shape), bool))

    def distinct(self, *shape: int, below: int, axis: int = -1) -> Any:
        """Whole numbers from 0 up to `below`, none twice along `axis`."""
        others = [n for i, n in enumerate(shape) if i != axis % len(shape)]
        size = shape[axis]
        rows = [self.random.permutation(below)[:size] for _ in range(math.prod(others))]
        made = np.stack(rows).reshape(*others, size)
        return tensor(np.ascontiguousarray(np.moveaxis(made, -1, axis)))

    def floats(self, *shape: int, **options: Any) -> Any:
        """Floating numbers."""
        return self(*shape, **options)

    def complexes(self, *shape: int) -> Any:
        """Complex numbers."""
        return self(*shape, dtype="complex64")

    def infinite(self, *shape: int) -> Any:
        """Floating numbers, infinities and NaN."""
        return self(*shape) / self.ints(*shape, low=0, high=2)

    def regular(self, *sizes: int) -> Any:
        """Square matrices far from singular."""
        n = sizes[-1]
        return self(*sizes, n) + rushlight.eye(n) * (3 * n)

    def definite(self, *sizes: int) -> Any:
        """Positive-definite matrices."""
        x = self(*sizes, sizes[-1])
        return x @ x.mT + rushlight.eye(sizes[-1])

    def case(self, case: Case) -> tuple[tuple, dict[str, Any]]:
        """The arguments of a call."""
        args = tuple(self._argument(a) for a in case.args)
        return args, {k: self._named(v) for k, v in case.kwargs.items()}

    def _argument(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._argument(v) for v in value]
        return self(*value) if isinstance(value, tuple) else self._named(value)

    def _named(self, value: Any) -> Any:
        if isinstance(value, Drawn):
            return getattr(self, value.kind)(*value.shape, **value.options)
        return value

    def __getattr__(self, name: str) -> Any:
        return dtypes.by_name(name)


def tensor(array: np.ndarray, grad: bool = False) -> Any:
    """A tensor around an array, without a copy."""
    made = make(array)
    if grad:
        made.requires_grad_(True)
    return made


class Sample(NamedTuple):
    """One call of an op."""

    label: str
    args: tuple
    kwargs: dict[str, Any]


def told(sample: Sample) -> str:
    """A sample in words, for failures."""
    shown = mapped((sample.args, sample.kwargs), lambda t: f"{t.dtype}{tuple(t.shape)}")
    return f"{sample.label}: {shown[0]} {shown[1]}"


class each_sample:
    """Runs a block for a sample; a failure says which one it was."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is not None:
            error.add_note(told(self.sample))


def outputs(made: Any) -> list:
    """All tensors of a result."""
    if isinstance(made, rushlight.Tensor):
        return [made]
    return [t for part in made for t in outputs(part)] if isinstance(made, (tuple, list)) else []


def close(found: Any, wanted: Any, rtol: float = 1e-7, atol: float = 1e-9) -> None:
    """Compare arrays or Python values, NaN equal to NaN."""
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=rtol, atol=atol)


def agree(found: Any, wanted: Any) -> None:
    """Compare results of one or several arrays, their shapes too."""
    if isinstance(found, (tuple, list)):
        for f, w in zip(found, wanted, strict=True):
            agree(f, w)
    elif isinstance(found, np.ndarray):
        assert found.shape == np.shape(wanted)
        exact = found.dtype.kind in "iub" and np.asarray(wanted).dtype.kind in "iub"
        np.testing.assert_array_equal(found, wanted) if exact else close(found, wanted)
    else:
        assert found == wanted


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """`value` with `change` applied to each tensor in it."""
    if isinstance(value, rushlight.Tensor):
        return change(value)
    if isinstance(value, (tuple, list)) and not isinstance(value, rushlight.Size):
        parts = [mapped(v, change) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {k: mapped(v, change) for k, v in value.items()}
    return value


def arranged(sample: Sample, label: str, change: Callable[[np.ndarray], np.ndarray]) -> Sample:
    """The sample with each tensor's array changed."""

    def each(t: Any) -> Any:
        return tensor(change(t.array))

    return Sample(label, mapped(sample.args, each), mapped(sample.kwargs, each))


def _double(a: np.ndarray) -> np.ndarray:
    to = {"float32": "float64", "complex64": "complex128"}.get(a.dtype.name)
    return a.astype(to) if to else a


def _strided(a: np.ndarray) -> np.ndarray:
    """The same values laid out with gaps, last axis outermost."""
    wide = np.zeros((*a.shape[::-1], 2), a.dtype)
    wide[..., 0] = a.T
    return wide[..., 0].T


def samples(record: Op) -> list[Sample]:
    """All calls of a record, with floats in float64."""
    made = [arranged(s, s.label, _double) for s in _drawn(record)]
    # a view's record may refuse strides that it cannot follow
    if record.put is None and record.name not in OF_MEMORY:
        made += [arranged(s, f"strided {s.label}", _strided) for s in made if _tensors(s)]
    if record.kind == "pointwise" and made:
        first = made[0]
        made.append(arranged(first, "0-dim", lambda a: a.reshape(-1)[:1].reshape(())))
        made.append(arranged(first, "empty", lambda a: np.zeros((0, 3), a.dtype)))
        if all(t.array.dtype == np.float64 for t in _tensors(first)) and _takes_complex(record):
            random = np.random.default_rng(9)
            made.append(
                arranged(first, "complex", lambda a: a + 1j * random.uniform(-1, 1, a.shape))
            )
    return made


def _takes_complex(record: Op) -> bool:
    """Whether an op is of arithmetic and does not refuse complex numbers."""
    if record.function.__module__.rpartition(".")[2] not in ARITHMETIC:
        return False
    one = tensor(np.full((), 1.5 + 0.5j))
    given = {p: 2 for p in record.params if p not in record.defaults}
    try:
        record.function(*[one] * len(record.arrays), **given)
    except (NotImplementedError, RuntimeError, TypeError):
        return False
    return True


def _tensors(sample: Sample) -> list:
    found: list = []
    mapped((sample.args, sample.kwargs), found.append)
    return found


def _drawn(record: Op) -> Iterator[Sample]:
    draw = Draw(record.name)
    drawn = [draw.case(case) for case in CASES.get(name_of(record), ())]
    for i, (args, kwargs) in enumerate(drawn or CALLS.get(name_of(record), lines())(draw)):
        yield Sample(f"sample {i}", args, kwargs)
    if record.kind != "pointwise" or any(p not in record.defaults for p in record.params):
        return
    if not drawn or name_of(record) in DOMAINS:
        yield from _pointwise(record, draw)


def refused(record: Op) -> Iterator[tuple[Sample, type[Exception], str]]:
    """All calls that a record refuses: the exception and part of its message."""
    draw = Draw(record.name)
    for case in REFUSED.get(name_of(record), ()):
        yield Sample("error", *draw.case(case)), case.kind, case.message


def _pointwise(record: Op, draw: Draw) -> Iterator[Sample]:
    low, high = DOMAINS.get(name_of(record), (-2, 2))
    masks = [record.promotes is not None and n not in record.promotes for n in record.arrays]

    def drawn(*shapes: tuple) -> tuple:
        """An argument of each shape: a mask where it takes no part in promotion."""
        return tuple(
            draw.bools(*s) if mask else draw(*s, low=low, high=high)
            for s, mask in zip(shapes, masks)
        )

    many = len(record.arrays)
    yield Sample("same shape", drawn(*[(3, 4)] * many), {})
    if many > 1:
        yield Sample("broadcast", drawn((3, 4), (4,), (2, 1, 1)), {})
        yield Sample("with 0-dim", drawn((3, 4), *[()] * (many - 1)), {})


def reference(record: Op) -> Callable | None:
    """The mathematics of a record, as a function of NumPy arrays."""
    return VALUES.get(name_of(record)) or VALUES.get(record.name)


def law(record: Op) -> Callable | None:
    """What must hold of an op's result, where no one value is the right one."""
    return LAWS.get(name_of(record)) or LAWS.get(record.name)


def is_op(value: Any, record: Op) -> bool:
    """Whether a public thing is this op's function."""
    return getattr(value, "op", None) is record


def asking(record: Op, sample: Sample) -> tuple[tuple, dict[str, Any]]:
    """Copies of the arguments of a call; floating ones with a derivative ask for gradients."""

    def each(t: Any, wanted: bool = True) -> Any:
        return tensor(t.array.copy(order="K"), wanted and t.array.dtype.kind in "fc")

    given = dict(zip(record.arrays, sample.args))
    args = tuple(
        mapped(a, lambda t, n=name: each(t, not record.rules or n in record.rules))
        for name, a in zip([*given, *[""] * len(sample.args)], sample.args)
    )
    return args, mapped(sample.kwargs, each)
