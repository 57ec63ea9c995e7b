"""The walk over all ops against PyTorch: values, dtypes, refusals and names of nodes."""

import functools
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from op_cases import DOMAINS
from op_exceptions import applies, left_out
from op_samples import (
    RECORDS,
    Draw,
    Sample,
    asking,
    close,
    each_sample,
    mapped,
    name_of,
    outputs,
    refused,
    samples,
)

import rushlight
from rushlight._core.op import Op

torch = pytest.importorskip("torch")

every_op = pytest.mark.parametrize("record", RECORDS, ids=name_of)
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
DTYPES = ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "complex64")


def places() -> Iterator[tuple[Any, Any]]:
    """Public modules of ours beside PyTorch's."""
    for path in ("", "nn.functional", "special", "linalg", "fft", "Tensor"):
        ours, theirs = rushlight, torch
        for part in filter(None, path.split(".")):
            ours, theirs = getattr(ours, part), getattr(theirs, part)
        yield ours, theirs


@functools.cache
def public() -> dict[int, dict[str, Callable]]:
    """Each op's public names with PyTorch's functions; methods only where it is no function."""
    found: dict[int, dict[str, Callable]] = {}
    for ours, theirs in places():
        for name, value in vars(ours).items():
            record = getattr(value, "op", None)
            if isinstance(record, Op) and name[0] != "_" and callable(getattr(theirs, name, None)):
                found.setdefault(id(record), {}).setdefault(name, getattr(theirs, name))
    return found


def names_of(record: Op) -> dict[str, Callable]:
    """The public names of an op, its own first; skips a test of an op that has none."""
    names = public().get(id(record))
    if not names:
        pytest.skip("not public under a name of its own")
    return dict(sorted(names.items(), key=lambda item: item[0] != record.name))


def fits(record: Op, name: str, sample: Sample) -> bool:
    """Whether PyTorch's function of this name takes the call: aliases name arguments otherwise."""
    if left_out(record, f"torch {sample.label}"):
        return False
    return name == record.name or not (sample.kwargs or name.startswith("unsafe_"))


def to_torch(value: Any, grad: bool = False) -> Any:
    """Arguments for PyTorch: tensors with the same strides, dtypes by name."""

    def convert(t: Any) -> Any:
        made = torch.from_numpy(t.detach().numpy().copy(order="K"))
        wants = grad and t.requires_grad
        return made.requires_grad_(wants)

    def named(v: Any) -> Any:
        return getattr(torch, v.name) if isinstance(v, rushlight.dtype) else v

    value = mapped(value, convert)
    if isinstance(value, dict):
        return {k: named(v) for k, v in value.items()}
    return tuple(named(v) for v in value)


def tensors_of(made: Any) -> list:
    """All tensors of PyTorch's result."""
    if isinstance(made, torch.Tensor):
        return [made]
    return [t for m in made for t in tensors_of(m)] if isinstance(made, (tuple, list)) else []


def both(record: Op, sample: Sample, theirs: Callable) -> tuple[Any, Any]:
    """The results of a call, ours and PyTorch's."""
    args, kwargs = asking(record, sample)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, about its own future
        wanted = theirs(*to_torch(args, True), **to_torch(kwargs, True))
    return record.function(*args, **kwargs), wanted


@every_op
def test_it_equals_pytorch(record: Op) -> None:
    applies(record, "torch")
    names = names_of(record)
    for sample in samples(record):
        for name, theirs in names.items():
            if fits(record, name, sample):
                with each_sample(sample):
                    _compare(record, *both(record, sample, theirs))


def _compare(record: Op, found: Any, wanted: Any) -> None:
    ours, others = outputs(found), tensors_of(wanted)
    assert len(ours) == len(others)
    if not ours:
        assert found == wanted
    for t, w in zip(ours, others, strict=True):
        assert str(t.dtype) == str(w.dtype)
        assert tuple(t.shape) == tuple(w.shape)
        close(t.detach().numpy(), w.detach().resolve_conj().resolve_neg().numpy())
        assert t.requires_grad == w.requires_grad or left_out(record, "torch gradient")


@every_op
def test_its_node_has_pytorchs_name(record: Op) -> None:
    applies(record, "torch")
    applies(record, "node")
    applies(record, "torch gradient")
    if record.composite:
        pytest.skip("made of other ops")
    name, theirs = next(iter(names_of(record).items()))
    for sample in samples(record):
        if fits(record, name, sample):
            with each_sample(sample):
                found, wanted = both(record, sample, theirs)
                for t, w in zip(outputs(found), tensors_of(wanted), strict=True):
                    assert type(t.grad_fn).__name__ == type(w.grad_fn).__name__


@every_op
def test_dtypes_are_pytorchs(record: Op) -> None:
    """Each element type: the same result type and values, or the same refusal."""
    applies(record, "torch")
    applies(record, "dtypes")
    if record.kind != "pointwise" or any(p not in record.defaults for p in record.params):
        pytest.skip("for pointwise ops")
    theirs = next(iter(names_of(record).values()))
    low, high = DOMAINS.get(name_of(record), (0, 3))
    for dtype in DTYPES:
        draw = Draw(record.name)
        values = [np.ceil(np.abs(draw(4, low=low, high=high).numpy())) for _ in record.arrays]
        args = [rushlight.tensor(v.tolist()).to(getattr(rushlight, dtype)) for v in values]
        others = [torch.tensor(v.tolist()).to(getattr(torch, dtype)) for v in values]
        with each_sample(Sample(dtype, tuple(args), {})):
            _same_or_refused(record, args, theirs, others)


def _same_or_refused(record: Op, args: list, theirs: Callable, others: list) -> None:
    try:
        wanted = theirs(*others)
    except Exception as error:
        sentence = re.split(r"\. |\n", str(error))[0]
        sentence = re.sub("'(Half|BFloat16)'", "'Float'", sentence)  # lifted, then refused
        with pytest.raises(type(error), match=re.escape(sentence)):
            record.function(*args)
        return
    for t, w in zip(outputs(record.function(*args)), tensors_of(wanted), strict=True):
        assert str(t.dtype) == str(w.dtype)
        wide, loose = ("complex128" if w.is_complex() else "float64"), 2e-5
        if "16" in str(w.dtype):
            loose = 2e-2
        ours, others = t.to(getattr(rushlight, wide)), w.to(getattr(torch, wide)).resolve_conj()
        close(ours.numpy(), others.numpy(), loose, loose)


@every_op
def test_errors_are_pytorchs(record: Op) -> None:
    calls = list(refused(record))
    if not calls:
        pytest.skip("no refusals are named")
    names = names_of(record)
    for sample, kind, message in calls:
        for name, theirs in names.items():
            if not fits(record, name, sample):
                continue
            with each_sample(sample), pytest.raises(kind) as caught, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs(*to_torch(sample.args), **to_torch(sample.kwargs))
            assert message in str(caught.value), name


@pytest.mark.parametrize(
    "call",
    [
        "x + 2", "2 - x", "x * 2", "x ** 2", "x ** y", "2 ** x", "x / y", "x % 2", "x % y",
        "torch.fmod(x, 2)", "torch.clamp(x, 0, 1)", "torch.clamp(x, y)", "torch.clamp_min(x, 0)",
        "torch.clamp_max(x, y)", "torch.lerp(x, y, 0.5)", "torch.lerp(x, y, y)",
        "torch.xlogy(x, 2)", "torch.xlogy(2, x)", "torch.special.xlog1py(x, y)",
        "torch.special.zeta(2, x)", "torch.copysign(x, 2)", "torch.float_power(x, 2)",
    ],
)  # fmt: skip
def test_node_says_which_argument_is_a_number(call: str) -> None:
    names = []
    for module in (rushlight, torch):
        x, y = (module.tensor([1.5, 2.5], requires_grad=True) for _ in range(2))
        names.append(type(eval(call, {"torch": module}, {"x": x, "y": y}).grad_fn).__name__)
    assert names[0] == names[1]
