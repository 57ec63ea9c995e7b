"""`out=`: what a result is written into, and what cannot take it."""

import warnings

import numpy as np
import pytest

import rushlight as rl

# Functions that write what they found and convert nothing; the others convert where values fit.
EXACT = {
    "all": lambda t, x, out: t.all(x, 0, out=out), "any": lambda t, x, out: t.any(x, 0, out=out),
    "argmax": lambda t, x, out: t.argmax(x, 0, out=out), "abs": lambda t, x, out: t.abs(x, out=out),
    "argmin": lambda t, x, out: t.argmin(x, 0, out=out), "neg": lambda t, x, out: t.neg(x, out=out),
    "amax": lambda t, x, out: t.amax(x, 0, out=out), "mm": lambda t, x, out: t.mm(x, x, out=out),
    "round": lambda t, x, out: t.round(x, out=out), "tril": lambda t, x, out: t.tril(x, out=out),
    "gather": lambda t, x, out: t.gather(x, 0, x.long() * 0, out=out),
    "inv": lambda t, x, out: t.linalg.inv(x, out=out),
    "nuclear": lambda t, x, out: t.norm(x, "nuc", out=out),
    "fft": lambda t, x, out: t.fft.fft(x, out=out),
    "polar": lambda t, x, out: t.polar(x, x, out=out),
    "take": lambda t, x, out: t.take(x, x.long(), out=out),
}  # fmt: skip
CONVERTS = {
    "add": lambda t, x, out: t.add(x, 1, out=out), "exp": lambda t, x, out: t.exp(x, out=out),
    "sum": lambda t, x, out: t.sum(x, 0, out=out), "cat": lambda t, x, out: t.cat([x, x], out=out),
    "mean": lambda t, x, out: t.mean(x, 0, out=out), "max": lambda t, x, out: t.max(x, out=out),
    "hstack": lambda t, x, out: t.hstack([x, x], out=out),
    "var": lambda t, x, out: t.var(x, out=out),
    "diff": lambda t, x, out: t.diff(x, out=out),
    "outer": lambda t, x, out: t.outer(x[0], x[1], out=out),
    "normalize": lambda t, x, out: t.nn.functional.normalize(x, out=out),
}  # fmt: skip
BOTH = {**EXACT, **CONVERTS}


def given(t):
    return t.tensor([[2.0, 1.0], [1.0, 3.0]])


def result(t, name):
    return BOTH[name](t, given(t), None)


@pytest.mark.parametrize("name", BOTH)
def test_out_is_filled_and_given_back(name):
    wanted = result(rl, name)
    out = rl.empty(0, dtype=wanted.dtype)
    assert BOTH[name](rl, given(rl), out) is out
    assert out.shape == wanted.shape and out.tolist() == wanted.tolist()


@pytest.mark.parametrize("name", BOTH)
def test_a_double_takes_only_what_is_converted(name):
    wanted = result(rl, name)
    out = rl.zeros(wanted.shape, dtype=rl.float64)
    if name in CONVERTS:
        assert BOTH[name](rl, given(rl), out).tolist() == wanted.tolist()
        return
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype"):
        BOTH[name](rl, given(rl), out)
    assert not out.any()


@pytest.mark.parametrize("name", BOTH)
def test_nothing_but_tensors_without_gradients_on_the_device(name):
    kind, shape = result(rl, name).dtype, result(rl, name).shape
    with pytest.raises(TypeError, match="argument 'out' must be Tensor, not str"):
        BOTH[name](rl, given(rl), "out")
    with pytest.raises(RuntimeError, match=r"device.*meta"):
        BOTH[name](rl, given(rl), rl.empty(shape, dtype=kind, device="meta"))
    asking = given(rl).requires_grad_()
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        BOTH[name](rl, asking, rl.empty(shape, dtype=kind)) if kind.is_floating_point else (
            rl.add(asking, 1, out=rl.empty(2, 2))
        )


@pytest.mark.parametrize("name", BOTH)
def test_another_shape_is_given_up_with_a_warning(name):
    wanted = result(rl, name)
    out = rl.zeros((*wanted.shape, 7), dtype=wanted.dtype)
    with pytest.warns(UserWarning, match="An output with one or more elements was resized since"):
        BOTH[name](rl, given(rl), out)
    assert out.tolist() == wanted.tolist()


def test_a_smaller_result_lies_in_the_memory_that_was_there():
    base = rl.zeros(6)
    part = base[2:5]
    with pytest.warns(UserWarning, match="was resized"):
        rl.add(rl.ones(2), 1, out=part)
    assert base.tolist() == [0, 0, 2, 2, 0, 0] and part.tolist() == [2, 2]


def test_memory_is_written_once():
    x = rl.arange(6.0)
    with pytest.raises(RuntimeError, match="some elements of the input tensor and the written-to"):
        rl.exp(x[:5], out=x[1:])
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        rl.exp(x, out=rl.zeros(1).expand(6))
    assert rl.exp(x, out=x) is x


def test_several_results_take_a_tuple_as_long():
    x = given(rl)
    values, places = rl.empty(0), rl.empty(0, dtype=rl.int64)
    made = rl.max(x, 0, out=(values, places))
    assert made.values is values and places.tolist() == [0, 1]
    with pytest.raises(TypeError, match="expected tuple of 2 elements but got 1"):
        rl.max(x, 0, out=(values,))
    with pytest.raises(TypeError, match="must be tuple of Tensors, not Tensor"):
        rl.max(x, 0, out=values)
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype long int"):
        rl.max(x, 0, out=(values, rl.empty(2)))


def test_random_numbers_of_another_dtype_are_refused():
    with pytest.raises(RuntimeError, match="does not match dtype of out parameter"):
        rl.randn(3, dtype=rl.float64, out=rl.empty(3))


def test_a_compiled_function_writes_into_out():
    out = rl.zeros(3)

    @rl.compile
    def step(x):
        rl.add(x, 1, out=out)
        return out * 2

    for k in range(3):
        assert step(rl.full((3,), float(k))).tolist() == [2 * k + 2] * 3
        assert out.tolist() == [k + 1] * 3


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool", "complex64", "bfloat16"])
@pytest.mark.parametrize("name", BOTH)
def test_dtypes_are_pytorchs(name, dtype):
    torch, found = pytest.importorskip("torch"), []
    for lib in (rl, torch):
        out = lib.zeros(tuple(result(lib, name).shape), dtype=getattr(lib, dtype))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                made = BOTH[name](lib, given(lib), out)
                assert made is out
                found.append(made.to(lib.complex128).numpy())
            except (RuntimeError, TypeError) as error:
                found.append(type(error))
    if (name, dtype) in {("sum", "int64"), ("sum", "bool")}:
        assert found[0] is RuntimeError  # PyTorch converts before it adds up: here dtype= does
    elif isinstance(found[1], type):
        assert found[0] is found[1]
    else:
        np.testing.assert_allclose(*found, rtol=1e-2 if dtype == "bfloat16" else 1e-5)
