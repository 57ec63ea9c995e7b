"""The one walk over all ops: each record and composite, on its samples.

An op is covered as soon as it is defined in a family of `rushlight/_ops`. What the walk must leave
out is named in `op_exceptions.py`; the comparison with PyTorch is in `test_ops_parity.py`.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from op_calls import CALLS, OF_MEMORY, UNCALLED
from op_cases import CASES, DOMAINS
from op_exceptions import SYMMETRIC, applies, left_out
from op_references import LAWS, VALUES
from op_refusals import REFUSED
from op_samples import (
    RECORDS,
    Sample,
    agree,
    asking,
    close,
    each_sample,
    is_op,
    law,
    mapped,
    name_of,
    outputs,
    reference,
    refused,
    samples,
    tensor,
)

import rushlight
from rushlight._core.op import Op

every_op = pytest.mark.parametrize("record", RECORDS, ids=name_of)
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@every_op
def test_it_has_a_docstring(record: Op) -> None:
    if not any(is_op(v, record) for v in vars(rushlight).values()):
        pytest.skip("not public under a name of its own")
    assert record.function.__doc__, "a public function needs a docstring"
    assert record.function.__doc__.splitlines()[0].endswith("."), "the first line ends with a stop"


def arrays(value: Any) -> Any:
    """Arguments as NumPy arrays."""
    return mapped(value, lambda t: t.detach().numpy())


@every_op
def test_value_is_the_mathematics(record: Op) -> None:
    applies(record, "value")
    if record.name in UNCALLED:
        pytest.skip(UNCALLED[record.name])
    wanted, held = reference(record), law(record)
    assert wanted or held, "name a reference in tests/references"
    calls = samples(record)
    assert calls, "give samples: in tests/op_cases.py or tests/op_calls.py"
    for sample in calls:
        with each_sample(sample):
            found = arrays(record.function(*sample.args, **sample.kwargs))
            args, kwargs = arrays(sample.args), arrays(sample.kwargs)
            if held is not None:
                held(found, *args, **kwargs)
            expected = None if wanted is None else wanted(*args, **kwargs)
            if expected is not None:
                agree(found, expected)


def test_tables_speak_of_ops_that_exist() -> None:
    known = {r.name for r in RECORDS} | {name_of(r) for r in RECORDS}
    assert {*CALLS, *CASES, *DOMAINS, *UNCALLED, *OF_MEMORY, *VALUES, *LAWS, *REFUSED} <= known


# -- gradients


def gathered(args: Any) -> list:
    """The tensors among arguments that ask for gradients."""
    found: list = []
    mapped(args, lambda t: found.append(t) if t.requires_grad else None)
    return found


def dot(x: Any, w: Any) -> Any:
    """The sum of products; of complex numbers as pairs, so that it is real."""
    return ((x * tensor(w).conj()) if x.is_complex() else x * tensor(w)).real.sum()


def total(parts: Iterator[Any]) -> Any:
    """The sum of the parts, None if there are none."""
    made = None
    for part in parts:
        made = part if made is None else made + part
    return made


def weight_like(x: Any, random: np.random.Generator) -> np.ndarray:
    """Random weights for the elements of a tensor."""
    made = random.uniform(0.5, 1.5, x.shape)
    return made + 1j * random.uniform(-1, 1, x.shape) if x.is_complex() else made


class Graded:
    """A call of an op as a function of its inputs' memory, its value one real number."""

    def __init__(self, record: Op, sample: Sample) -> None:
        self.record, self.sample = record, sample
        self.args, self.kwargs = asking(record, sample)
        self.inputs = gathered((self.args, self.kwargs))

    def value(self) -> Any:
        """All differentiable outputs, weighed at random and added up."""
        made = outputs(self.record.function(*self.args, **self.kwargs))
        random = np.random.default_rng(5)
        return total(dot(t, weight_like(t, random)) for t in made if t.requires_grad)

    def gradient(self, create_graph: bool = False) -> list:
        """The gradient in each input."""
        made = self.value()
        return list(
            rushlight.autograd.grad(
                made,
                self.inputs,
                create_graph=create_graph,
                allow_unused=True,
                materialize_grads=True,
            )
        )

    def along(self, ways: list, step: float, function: Callable[[], Any]) -> Any:
        """The central difference of a function along a direction."""
        kept = [x.array.copy() for x in self.inputs]
        made = []
        for side in (step, -step):
            for x, k, w in zip(self.inputs, kept, ways):
                x.array[...] = k + side * w
            made.append(function())
        for x, k in zip(self.inputs, kept):
            x.array[...] = k
        return [(a - b) / (2 * step) for a, b in zip(*made)]


def slopes(call: Graded, step: float = 1e-6) -> list[np.ndarray]:
    """The gradient by central differences, element by element."""
    found = [np.zeros(x.shape, x.array.dtype) for x in call.inputs]
    ways = [np.zeros_like(f) for f in found]
    for made, way in zip(found, ways):
        for place in np.ndindex(*made.shape):
            for unit in (1, 1j) if made.dtype.kind == "c" else (1,):
                way[place] = unit
                made[place] += call.along(ways, step, lambda: [float(call.value())])[0] * unit
            way[place] = 0
    return found


def balanced(record: Op, x: np.ndarray) -> np.ndarray:
    """A gradient, made symmetric for functions of symmetric matrices."""
    return x + np.swapaxes(x, -1, -2) if record.name in SYMMETRIC and x.ndim > 1 else x


def graded(record: Op) -> Iterator[Graded]:
    """The calls that have something to differentiate; one layout with gaps is enough."""
    for sample in samples(record):
        if sample.label.startswith("strided") and not sample.label.endswith(" 0"):
            continue
        if left_out(record, f"gradient {sample.label.removeprefix('strided ')}"):
            continue
        call = Graded(record, sample)
        if not call.inputs or not all(np.isfinite(x.array).all() for x in call.inputs):
            continue
        if call.value() is not None:
            yield call


def needs_derivatives(record: Op) -> None:
    applies(record, "gradient")
    if record.differentiable is False:
        pytest.skip("not differentiable")


@every_op
def test_gradients_are_finite_differences(record: Op) -> None:
    needs_derivatives(record)
    for call in graded(record):
        with each_sample(call.sample):
            for g, wanted in zip(call.gradient(), slopes(call), strict=True):
                assert tuple(g.shape) == wanted.shape
                close(balanced(record, g.numpy()), balanced(record, wanted), 1e-5, 1e-6)


@every_op
def test_second_derivatives_are_finite_differences(record: Op) -> None:
    """The gradient of the slope along a random direction, against differences of gradients."""
    needs_derivatives(record)
    applies(record, "second")
    for call in graded(record):
        with each_sample(call.sample):
            _second(record, call)


def _second(record: Op, call: Graded) -> None:
    random = np.random.default_rng(6)
    ways = [balanced(record, weight_like(x, random)) for x in call.inputs]
    slope = total(dot(g, w) for g, w in zip(call.gradient(True), ways))
    if not slope.requires_grad:
        return  # linear: the first derivative is constant
    found = rushlight.autograd.grad(slope, call.inputs, allow_unused=True, materialize_grads=True)
    wanted = call.along(ways, 1e-6, lambda: [g.numpy() for g in call.gradient()])
    for g, w in zip(found, wanted, strict=True):
        close(balanced(record, g.numpy()), balanced(record, w), 1e-4, 1e-5)


# -- other kinds of array, other forms of the call


@every_op
def test_meta_tensors_have_the_shapes_of_real_ones(record: Op) -> None:
    applies(record, "meta")

    def shadow(value: Any) -> Any:
        return mapped(value, lambda t: t.to("meta"))

    for sample in samples(record):
        with each_sample(sample):
            real = outputs(record.function(*sample.args, **sample.kwargs))
            if not real:
                continue
            made = record.function(*shadow(sample.args), **shadow(sample.kwargs))
            for t, s in zip(real, outputs(made), strict=True):
                assert s.device.type == "meta"
                assert (tuple(s.shape), s.dtype) == (tuple(t.shape), t.dtype)


@every_op
def test_in_place_form_equals_the_other(record: Op) -> None:
    applies(record, "in_place")
    form = getattr(rushlight.Tensor, record.name + "_", None)
    last = [r for r in RECORDS if r.name == record.name][-1]
    if form is None or record is not last:  # of several, the public one is defined last
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
    calls = list(refused(record))
    if not calls:
        pytest.skip("no refusals are named")
    for sample, kind, message in calls:
        with each_sample(sample), pytest.raises(kind, match=re.escape(message)):
            record.function(*sample.args, **sample.kwargs)
