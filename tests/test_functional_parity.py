"""nn.functional beside PyTorch: values, types, gradients to second order, names, signatures."""

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
from functional_cases import Fixed, cases

import rushlight
import rushlight.nn.functional as F

torch = pytest.importorskip("torch")
theirs = torch.nn.functional

CASES = cases()
IDS = [f"{i}-{name}" for i, (name, _, _) in enumerate(CASES)]


def prepared(lib: Any, args: tuple, kwargs: dict) -> tuple[list, dict, list]:
    """(args, kwargs, leaves) as tensors of a library."""
    leaves: list = []

    def one(a: Any) -> Any:
        if isinstance(a, Fixed):
            return lib.tensor(a.array)
        if not isinstance(a, np.ndarray):
            return a
        made = lib.tensor(a, requires_grad=a.dtype == np.float64)
        if made.requires_grad:
            leaves.append(made)
        return made

    return [one(a) for a in args], {k: one(v) for k, v in kwargs.items()}, leaves


def outputs(made: Any) -> tuple:
    return made if isinstance(made, tuple) else (made,)


def called(lib: Any, functions: Any, case: tuple) -> tuple[tuple, list, list]:
    name, args, kwargs = case
    tensors, named, leaves = prepared(lib, args, kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = outputs(getattr(functions, name)(*tensors, **named))
    return made, leaves, tensors


def loose(name: str) -> dict[str, float]:
    # PyTorch's hardsigmoid divides by a float32 six, whatever the type
    return {"rtol": 1e-6, "atol": 1e-7} if name == "hardsigmoid" else {"rtol": 1e-8, "atol": 1e-9}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_values_and_gradients_equal(case: tuple) -> None:
    ours, leaves, given = called(rushlight, F, case)
    wanted, others, taken = called(torch, theirs, case)
    for a, b in zip(ours, wanted, strict=True):
        assert tuple(a.shape) == tuple(b.shape) and str(a.dtype) == str(b.dtype)
        assert a.requires_grad == b.requires_grad
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), **loose(case[0]))
    for a, b in zip(given, taken, strict=True):  # what is written in place, running statistics
        if isinstance(b, torch.Tensor):
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy())
    if not leaves or not wanted[0].requires_grad:
        return
    weights = np.random.default_rng(0).standard_normal(tuple(wanted[0].shape))
    firsts = rushlight.autograd.grad(
        ours[0], leaves, rushlight.tensor(weights), create_graph=True, allow_unused=True
    )
    goals = torch.autograd.grad(
        wanted[0], others, torch.tensor(weights), create_graph=True, allow_unused=True
    )
    for a, b in zip(firsts, goals, strict=True):
        assert (a is None) == (b is None)
        if b is not None:
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), **loose(case[0]))
    _second_derivatives(case[0], firsts, goals, leaves, others)


def _second_derivatives(name: str, firsts: tuple, goals: tuple, leaves: list, others: list) -> None:
    """Gradients of the gradients' squares."""
    total = sum((g * g).sum() for g in goals if g is not None and g.requires_grad)
    if isinstance(total, int):
        return
    try:
        wanted = torch.autograd.grad(total, others, allow_unused=True)
    except RuntimeError:
        return  # PyTorch has no second derivative of this one
    mine = sum((g * g).sum() for g, b in zip(firsts, goals) if b is not None and b.requires_grad)
    found: Any = [None] * len(leaves)
    if mine.requires_grad:
        found = rushlight.autograd.grad(mine, leaves, allow_unused=True)
    for a, b in zip(found, wanted, strict=True):
        if b is not None:
            values = np.zeros(b.shape) if a is None else a.numpy()
            np.testing.assert_allclose(values, b.numpy(force=True), **loose(name))


# Nodes with another name than PyTorch's: attention there changes its kernel with the sizes
OTHERWISE = {"scaled_dot_product_attention"}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_node_names_equal(case: tuple) -> None:
    if case[0] in OTHERWISE:
        pytest.skip("PyTorch's name depends on which kernel it takes")
    for a, b in zip(called(rushlight, F, case)[0], called(torch, theirs, case)[0], strict=True):
        assert type(a.grad_fn).__name__ == type(b.grad_fn).__name__


def test_attention_has_the_name_of_pytorchs_usual_kernel() -> None:
    case = "scaled_dot_product_attention", (np.ones((2, 2, 3, 4)),) * 3, {"is_causal": True}
    (a,), (b,) = called(rushlight, F, case)[0], called(torch, theirs, case)[0]
    assert type(a.grad_fn).__name__ == type(b.grad_fn).__name__


NOT_MADE = {
    "conv_tbc", "grouped_mm", "linear_cross_entropy", "scaled_grouped_mm", "scaled_mm",
}  # fmt: skip
MACHINERY = {
    "assert_int_or_pair", "boolean_dispatch", "handle_torch_function", "has_torch_function",
    "has_torch_function_unary", "has_torch_function_variadic", "Optional",
}  # fmt: skip


def public_functions() -> list[str]:
    found = [n for n in dir(theirs) if n[0] != "_" and callable(getattr(theirs, n))]
    return [
        n
        for n in found
        if not inspect.isclass(getattr(theirs, n)) and n not in MACHINERY | NOT_MADE
    ]


@pytest.mark.parametrize("name", public_functions())
def test_arguments_have_pytorchs_names_order_and_defaults(name: str) -> None:
    function = getattr(F, name)
    try:
        wanted = list(inspect.signature(getattr(theirs, name)).parameters.values())
    except ValueError:
        return  # built in: PyTorch does not say
    if (wanted[0].name in ("args", "input") and name.endswith("_with_indices")) or wanted[
        0
    ].name == "args":
        return  # chosen at run time in PyTorch
    record = getattr(function, "op", None)
    if record is not None and not record.composite:
        found = [
            (n, record.defaults.get(n, inspect.Parameter.empty))
            for n in record.arrays + record.params
        ]
    else:
        found = [(p.name, p.default) for p in inspect.signature(function).parameters.values()]
    assert found == [(p.name, p.default) for p in wanted]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc_equals(reduction: str, zero_infinity: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((7, 3, 5))
    targets, times, lengths = rng.integers(1, 5, (3, 4)), (7, 3, 6), (3, 4, 0)
    made = []
    for lib, functions in ((rushlight, F), (torch, theirs)):
        log_p = lib.tensor(x).log_softmax(-1).requires_grad_()
        loss = functions.ctc_loss(
            log_p,
            lib.tensor(targets),
            times,
            lengths,
            reduction=reduction,
            zero_infinity=zero_infinity,
        )
        loss.sum().backward()
        made.append((loss.detach().numpy(), log_p.grad.numpy()))
    np.testing.assert_allclose(made[0][0], made[1][0])
    np.testing.assert_allclose(made[0][1], made[1][1], atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_lower_precision_is_near(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 4, 6, 6))
    w, s = rng.standard_normal((4, 4, 3, 3)), rng.standard_normal(4)
    calls = [
        lambda lib, f, x, w, s: f.conv2d(x, w, s, padding=1),
        lambda lib, f, x, w, s: f.group_norm(x, 2, s, s),
        lambda lib, f, x, w, s: f.gelu(x),
        lambda lib, f, x, w, s: f.log_softmax(x, 1),
        lambda lib, f, x, w, s: f.avg_pool2d(x, 3, 2, 1),
        lambda lib, f, x, w, s: f.interpolate(x, scale_factor=2.0, mode="bilinear"),
        lambda lib, f, x, w, s: f.batch_norm(x, s, s.abs(), s, s),
    ]
    tolerance = {"float32": 1e-5, "float16": 4e-3, "bfloat16": 3e-2}[dtype]
    for call in calls:
        a, b = (
            call(lib, f, *(lib.tensor(v).to(getattr(lib, dtype)) for v in (x, w, s)))
            for lib, f in ((rushlight, F), (torch, theirs))
        )
        assert str(a.dtype) == str(b.dtype)
        np.testing.assert_allclose(
            a.float().numpy(), b.float().numpy(), rtol=tolerance, atol=tolerance
        )


def test_draws_are_pytorchs() -> None:
    x = np.linspace(-2, 2, 40, dtype=np.float32).reshape(8, 5)
    for call in (
        lambda f, x: f.rrelu(x, training=True),
        lambda f, x: f.gumbel_softmax(x, tau=0.5),
        lambda f, x: f.dropout(x, 0.3),
    ):
        made = []
        for lib, f in ((rushlight, F), (torch, theirs)):
            lib.manual_seed(3)
            made.append(call(f, lib.tensor(x)).numpy())
        np.testing.assert_allclose(*made, rtol=1e-5, atol=1e-6)
