"""The one walk over all ops: each record and composite, on its samples.

An op is covered as soon as it is defined in a family of `rushlight/_ops`. What the walk must leave
out is named in `LEFT_OUT`, with the reason.
"""

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from op_samples import RECORDS, Draw, Sample, mapped, name_of, reference, samples, tensor

import rushlight
from rushlight._core.op import Op

try:
    import torch
except ImportError:
    torch = None  # type: ignore[assignment]

NO_SLOPE = "PyTorch gives it no derivative"
HALVES = "Rushlight computes it for halves too, PyTorch does not"
VALUES = "the shape of its result depends on values"
# (op, test): why it does not apply. Tests: value torch node dtypes gradient second meta in_place.
LEFT_OUT: dict[tuple[str, str], str] = {
    ("erfcx", "dtypes"): HALVES,
    ("ndtri", "dtypes"): HALVES,
    ("log_ndtr", "dtypes"): HALVES,
    ("zeta", "dtypes"): HALVES,
    ("round", "node"): "with decimals PyTorch's node is another",
    ("unique", "meta"): VALUES,
    ("unique_consecutive", "meta"): VALUES,
    ("bincount", "meta"): VALUES,
    ("masked_select", "meta"): VALUES,
    ("nonzero", "meta"): VALUES,
    ("floor_divide", "gradient"): NO_SLOPE,
    ("_step", "gradient"): NO_SLOPE,
    ("heaviside", "gradient"): NO_SLOPE,
    ("zeta", "gradient"): "only its second argument has a derivative: test_special_functions",
    ("gammainc", "gradient"): "only its second argument has a derivative: test_special_functions",
    ("gammaincc", "gradient"): "only its second argument has a derivative: test_special_functions",
    ("nextafter", "gradient"): "a step along the grid of floats, flat to finite differences",
}  # fmt: skip

every_op = pytest.mark.parametrize("record", RECORDS, ids=name_of)
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def applies(record: Op, test: str) -> None:
    """Skip what LEFT_OUT names, and comparisons of random numbers: tests/random has them."""
    reason = LEFT_OUT.get((record.name, test))
    if record.function.__module__.endswith(".sampling") and test != "meta":
        reason = "its result is drawn at random"
    if reason:
        pytest.skip(reason)


def outputs(made: Any) -> list:
    """All tensors of a result."""
    if isinstance(made, rushlight.Tensor):
        return [made]
    return [t for part in made for t in outputs(part)] if isinstance(made, (tuple, list)) else []


def arrays(value: Any) -> Any:
    """Arguments as NumPy arrays."""
    return mapped(value, lambda t: t.detach().numpy())


def close(found: Any, wanted: Any, rtol: float = 1e-7, atol: float = 1e-9) -> None:
    """Compare arrays or Python values, NaN equal to NaN."""
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=rtol, atol=atol)


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


@every_op
def test_it_has_a_docstring(record: Op) -> None:
    names = [name for ours, _ in places() for name, v in vars(ours).items() if _is_op(v, record)]
    if not names:
        pytest.skip("not public under a name of its own")
    assert record.function.__doc__, "a public function needs a docstring"
    assert record.function.__doc__.splitlines()[0].endswith("."), "the first line ends with a stop"


def _is_op(value: Any, record: Op) -> bool:
    return getattr(value, "op", None) is record


@every_op
def test_value_is_the_mathematics(record: Op) -> None:
    applies(record, "value")
    wanted = reference(record)
    if wanted is None:
        pytest.skip("the record names no reference")
    for sample in samples(record):
        with each_sample(sample):
            found = record.function(*sample.args, **sample.kwargs)
            expected = wanted(*arrays(sample.args), **arrays(sample.kwargs))
            if expected is None:
                continue
            if not isinstance(found, rushlight.Tensor):
                assert found == expected
                continue
            assert tuple(found.shape) == np.shape(expected)
            close(found.detach().numpy(), expected)


# -- PyTorch, where it is installed


def places() -> Iterator[tuple[Any, Any]]:
    """Public modules of ours beside PyTorch's."""
    for path in ("", "nn.functional", "special", "linalg", "fft", "Tensor"):
        ours, theirs = rushlight, torch
        for part in filter(None, path.split(".")):
            ours, theirs = getattr(ours, part), getattr(theirs, part, None)
        yield ours, theirs


def public_names(record: Op) -> list[tuple[str, Callable]]:
    """PyTorch's functions under each public name of an op; methods only where it is no function."""
    found: dict[str, Callable] = {}
    for ours, theirs in places():
        for name, value in list(vars(ours).items()):
            if _is_op(value, record) and name[0] != "_" and callable(getattr(theirs, name, None)):
                found.setdefault(name, getattr(theirs, name))
    return list(found.items())


def to_torch(value: Any, grad: bool = False) -> Any:
    """Arguments for PyTorch: tensors with the same strides, dtypes by name."""

    def convert(t: Any) -> Any:
        made = torch.from_numpy(t.detach().numpy().copy(order="K"))
        wants = grad and (made.is_floating_point() or made.is_complex())
        return made.requires_grad_(wants)

    value = mapped(value, convert)
    if isinstance(value, dict):
        return {k: _torch_dtype(v) for k, v in value.items()}
    return tuple(_torch_dtype(v) for v in value)


def _torch_dtype(value: Any) -> Any:
    return getattr(torch, value.name) if isinstance(value, rushlight.dtype) else value


def torch_outputs(made: Any) -> list:
    """All tensors of PyTorch's result."""
    if isinstance(made, torch.Tensor):
        return [made]
    return (
        [t for part in made for t in torch_outputs(part)] if isinstance(made, (tuple, list)) else []
    )


needs_torch = pytest.mark.skipif(torch is None, reason="PyTorch is not installed")


@needs_torch
@every_op
def test_it_equals_pytorch(record: Op) -> None:
    applies(record, "torch")
    names = public_names(record)
    if not names:
        pytest.skip("not public under a name of its own")
    for sample in samples(record):
        for name, theirs in names:
            with each_sample(sample):
                _compare(record, sample, name, theirs)


def _compare(record: Op, sample: Sample, name: str, theirs: Callable) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, about its own future
        wanted = theirs(*to_torch(sample.args, True), **to_torch(sample.kwargs, True))
    found = record.function(*asking(sample.args), **asking(sample.kwargs))
    ours, others = outputs(found), torch_outputs(wanted)
    assert len(ours) == len(others), name
    if not ours:
        assert found == wanted
    for t, w in zip(ours, others, strict=True):
        assert str(t.dtype) == str(w.dtype)
        assert tuple(t.shape) == tuple(w.shape)
        close(t.detach().numpy(), w.detach().resolve_conj().resolve_neg().numpy())
        assert t.requires_grad == w.requires_grad


@needs_torch
@every_op
def test_its_node_has_pytorchs_name(record: Op) -> None:
    applies(record, "torch")
    applies(record, "node")
    names = public_names(record)
    if not names:
        pytest.skip("not public under a name of its own")
    for sample in samples(record):
        with each_sample(sample), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = names[0][1](*to_torch(sample.args, True), **to_torch(sample.kwargs, True))
            found = record.function(*asking(sample.args), **asking(sample.kwargs))
            for t, w in zip(outputs(found), torch_outputs(theirs), strict=True):
                assert type(t.grad_fn).__name__ == type(w.grad_fn).__name__


@needs_torch
@every_op
def test_dtypes_are_pytorchs(record: Op) -> None:
    """Each element type: the same result type and values, or the same refusal."""
    applies(record, "dtypes")
    names = public_names(record)
    if (
        record.kind != "pointwise"
        or not names
        or any(p not in record.defaults for p in record.params)
    ):
        pytest.skip("for public pointwise ops")
    low, high = record.domain or (0, 3)
    for dtype in ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "complex64"):
        draw = Draw(record.name)
        values = [np.ceil(np.abs(draw(4, low=low, high=high).numpy())) for _ in record.arrays]
        args = [rushlight.tensor(v.tolist()).to(getattr(rushlight, dtype)) for v in values]
        others = [torch.tensor(v.tolist()).to(getattr(torch, dtype)) for v in values]
        with each_sample(Sample(dtype, tuple(args), {})):
            _same_or_refused(record, args, names[0][1], others)


def _same_or_refused(record: Op, args: list, theirs: Callable, others: list) -> None:
    try:
        wanted = theirs(*others)
    except Exception as error:
        sentence = re.split(r"\. |\n", str(error))[0]
        sentence = re.sub("'(Half|BFloat16)'", "'Float'", sentence)  # lifted, then refused
        with pytest.raises(type(error), match=re.escape(sentence)):
            record.function(*args)
        return
    found = record.function(*args)
    for t, w in zip(outputs(found), torch_outputs(wanted), strict=True):
        assert str(t.dtype) == str(w.dtype)
        wide = torch.complex128 if w.is_complex() else torch.float64
        loose = 2e-2 if "16" in str(w.dtype) else 2e-5
        close(
            t.to(getattr(rushlight, str(wide)[6:])).numpy(),
            w.to(wide).resolve_conj().numpy(),
            loose,
            loose,
        )


# -- gradients


def asking(value: Any) -> Any:
    """Copies of the arguments, floating ones asking for gradients."""

    def each(t: Any) -> Any:
        return tensor(t.array.copy(order="K"), t.array.dtype.kind in "fc")

    return mapped(value, each)


def gathered(args: Any) -> list:
    """The tensors among arguments that ask for gradients."""
    found: list = []
    mapped(args, lambda t: found.append(t) if t.requires_grad else None)
    return found


def weighed(record: Op, args: tuple, kwargs: dict, weights: list) -> Any:
    """The real part of the sum of all differentiable outputs, each element weighed."""
    made = [t for t in outputs(record.function(*args, **kwargs)) if t.grad_fn is not None]
    total = None
    for t, w in zip(made, weights):
        part = (t * tensor(w.astype(t.array.dtype))).sum()
        part = rushlight.view_as_real(part)[0] if t.array.dtype.kind == "c" else part
        total = part if total is None else total + part
    return total


def weights_for(record: Op, args: tuple, kwargs: dict) -> list:
    """Fixed random weights for the differentiable outputs of a call."""
    random = np.random.default_rng(5)
    made = [t for t in outputs(record.function(*args, **kwargs)) if t.grad_fn is not None]
    return [
        random.uniform(0.5, 1.5, t.shape)
        + (1j * random.uniform(-1, 1, t.shape) if t.array.dtype.kind == "c" else 0)
        for t in made
    ]


def slopes(function: Callable[[], float], inputs: list, step: float = 1e-6) -> list[np.ndarray]:
    """Central differences of a function of the inputs' memory; d/dx + i d/dy for complex ones."""
    found = []
    for x in inputs:
        made = np.zeros(x.shape, x.array.dtype)
        for place in np.ndindex(*x.shape):
            kept = x.array[place].copy()
            for unit in (1, 1j) if x.array.dtype.kind == "c" else (1,):
                x.array[place] = kept + step * unit
                above = function()
                x.array[place] = kept - step * unit
                below = function()
                x.array[place] = kept
                made[place] += (above - below) / (2 * step) * unit
        found.append(made)
    return found


def value_of(t: Any) -> float:
    return float(t.detach().numpy())


def differentiable_samples(record: Op) -> Iterator[tuple[tuple, dict, list, list]]:
    for sample in samples(record):
        if sample.label.startswith("strided") and sample.label[-1] != "0":
            continue  # layout was varied enough by one
        args, kwargs = asking(sample.args), asking(sample.kwargs)
        inputs = gathered((args, kwargs))
        if not all(np.isfinite(x.array).all() for x in inputs):
            continue
        weights = weights_for(record, args, kwargs)
        if inputs and weights:
            with each_sample(sample):
                yield args, kwargs, inputs, weights


@every_op
def test_gradients_are_finite_differences(record: Op) -> None:
    applies(record, "gradient")
    if record.differentiable is False:
        pytest.skip("not differentiable")
    for args, kwargs, inputs, weights in differentiable_samples(record):
        total = weighed(record, args, kwargs, weights)
        found = rushlight.autograd.grad(total, inputs, allow_unused=True)

        def again(args: Any = args, kwargs: Any = kwargs, weights: Any = weights) -> float:
            return value_of(weighed(record, args, kwargs, weights))

        for x, g, wanted in zip(inputs, found, slopes(again, inputs), strict=True):
            g = np.zeros(x.shape) if g is None else g.numpy()
            assert g.shape == tuple(x.shape)
            close(g, wanted, 1e-5, 1e-6)


@every_op
def test_second_derivatives_are_finite_differences(record: Op) -> None:
    applies(record, "gradient")
    applies(record, "second")
    if record.differentiable is False:
        pytest.skip("not differentiable")
    for args, kwargs, inputs, weights in differentiable_samples(record):

        def first(
            create: bool, a: Any = args, k: Any = kwargs, w: Any = weights, i: Any = inputs
        ) -> Any:
            return _directional(weighed(record, a, k, w), i, create)

        total = first(True)
        if total is None or not total.requires_grad:
            continue  # linear: the first derivative is constant
        found = rushlight.autograd.grad(total, inputs, allow_unused=True)

        def again(first: Any = first) -> float:
            return value_of(first(False))

        for x, g, wanted in zip(inputs, found, slopes(again, inputs), strict=True):
            close(np.zeros(x.shape) if g is None else g.numpy(), wanted, 1e-4, 1e-5)


def _directional(total: Any, inputs: list, create: bool) -> Any:
    """The derivative of `total` along a fixed random direction."""
    random = np.random.default_rng(6)
    found = rushlight.autograd.grad(total, inputs, create_graph=create, allow_unused=True)
    made = None
    for x, g in zip(inputs, found):
        way = random.uniform(0.5, 1.5, x.shape)
        if g is None:
            continue
        g = rushlight.view_as_real(g)[..., 0] if g.array.dtype.kind == "c" else g
        part = (g * tensor(way)).sum()
        made = part if made is None else made + part
    return made


# -- other kinds of array, other forms of the call


@every_op
def test_meta_tensors_have_the_shapes_of_real_ones(record: Op) -> None:
    applies(record, "meta")
    for sample in samples(record):
        with each_sample(sample):
            real = record.function(*sample.args, **sample.kwargs)
            if not outputs(real):
                continue
            shadow = record.function(
                *mapped(sample.args, lambda t: t.to("meta")),
                **mapped(sample.kwargs, lambda t: t.to("meta")),
            )
            for t, s in zip(outputs(real), outputs(shadow), strict=True):
                assert s.device.type == "meta"
                assert (tuple(s.shape), s.dtype) == (tuple(t.shape), t.dtype)


@every_op
def test_in_place_form_equals_the_other(record: Op) -> None:
    applies(record, "in_place")
    form = getattr(rushlight.Tensor, record.name + "_", None)
    if form is None:
        pytest.skip("no in-place form")
    for sample in samples(record):
        if not isinstance(sample.args[0], rushlight.Tensor):
            continue
        with each_sample(sample):
            made = record.function(*sample.args, **sample.kwargs)
            x = tensor(sample.args[0].array.copy(order="K"))
            if made.shape != x.shape or not rushlight.can_cast(made.dtype, x.dtype):
                continue
            assert form(x, *sample.args[1:], **sample.kwargs) is x
            close(x.numpy(), made.to(x.dtype).numpy())
            assert x._version > 0


@every_op
def test_errors(record: Op) -> None:
    if record.errors_fn is None:
        pytest.skip("the record names no errors")
    for args, kwargs, kind, message in record.errors_fn(Draw(record.name)):
        with (
            each_sample(Sample("error", args, kwargs)),
            pytest.raises(kind, match=re.escape(message)),
        ):
            record.function(*args, **kwargs)
        if torch is None:
            continue
        for _, theirs in public_names(record):
            with pytest.raises(kind) as caught, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs(*to_torch(args), **to_torch(kwargs))
            assert message in str(caught.value)
