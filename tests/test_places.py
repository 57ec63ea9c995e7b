"""Elements by their places: 0-dim tensors, keys that write, and second derivatives."""

from collections.abc import Callable
from typing import Any

import pytest

import rushlight as rl


def scattered_alone(t: Any) -> Any:
    one, at = t.tensor(2.0), t.tensor(0)
    return t.stack([
        one.scatter(0, at, t.tensor(5.0)),
        one.scatter(0, at, t.tensor(5.0), reduce="add"),
        one.scatter(0, at, t.tensor(5.0), reduce="multiply"),
        one.scatter_reduce(0, at, t.tensor(5.0), "amin"),
        one.index_add(0, at, t.tensor(5.0), alpha=2),
        one.index_copy(0, at, t.tensor(5.0)),
        one.index_fill(0, at, 7.0),
        one.index_fill(0, at, t.tensor(8.0)),
        one.index_reduce(0, t.tensor([0]), t.tensor(5.0), "prod"),
        one.index_select(0, at),
    ])  # fmt: skip


def slopes_alone(t: Any) -> Any:
    one = t.tensor(2.0, requires_grad=True)
    source = t.tensor(5.0, requires_grad=True)
    at = t.tensor(0)
    made = [
        one.scatter_reduce(0, at, source, "prod"),
        one.index_add(0, at, source, alpha=2),
        one.index_copy(0, at, source),
        one.index_reduce(0, t.tensor([0]), source, "amax"),
        one.prod(0),
        one.gather(0, t.tensor([0, 0])).sum(),
    ]
    t.stack(made).sum().backward()
    return t.stack([one.grad, source.grad])


def written_by_keys(t: Any) -> Any:
    x = t.zeros(3, 4)
    x[1] = t.ones(1, 1, 4)
    x[t.tensor([0, 2]), t.tensor([1, 3])] = t.tensor([[5.0, 6.0]])
    x[:, t.tensor([0])] = 7.0
    x[t.tensor([True, False, False])] += 1
    return x


def turned_places(t: Any) -> Any:
    x = t.arange(24.0).reshape(2, 3, 4).requires_grad_()
    picked = x[:, t.tensor([2, 0]), t.tensor([[1], [3]])]
    (picked * t.arange(1.0, 9.0).reshape(2, 2, 2)).sum().backward()
    made = t.zeros(2, 3, 4)
    made[:, t.tensor([2, 0]), t.tensor([[1], [3]])] = picked.detach()
    return x.grad + 100 * made


def _twice(t: Any, made: Any, x: Any) -> Any:
    (g,) = t.autograd.grad(made.pow(3).sum(), x, create_graph=True)
    return t.autograd.grad(g.pow(2).sum(), x)[0]


def second_slopes(t: Any) -> Any:
    x = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    at = t.tensor([2, 0, 2])
    made = [
        x.index_select(0, at),
        x.gather(0, at),
        x.take(at),
        x[at],
        t.nn.functional.embedding(at, x.reshape(3, 1)),
        x.scatter(0, t.tensor([1]), x[:1] * 2),
        x.scatter_add(0, at, x),
        x.scatter_reduce(0, t.tensor([1]), x[:1], "prod"),
        x.index_copy(0, t.tensor([1]), x[2:]),
        x.index_put((t.tensor([1]),), x[2:]),
        x.index_put((t.tensor([1]),), x[2:], accumulate=True),
        x.sort(descending=True)[0],
        x.max(0, keepdim=True)[0],
        x.prod(0, keepdim=True),
        x.prod().reshape(1),
    ]
    return t.stack([_twice(t, m, x) for m in made])


def middles(t: Any) -> Any:
    nothing = t.zeros(0)
    number = t.zeros(0, dtype=t.int64).median() < -100
    return t.stack([nothing.median().isnan(), number]).float()


PROGRAMS: list[tuple[Callable, Any]] = [
    (scattered_alone, [5, 7, 10, 2, 12, 5, 7, 8, 10, 2]),
    (slopes_alone, [9, 6]),
    (written_by_keys, [[8, 6, 1, 1], [7, 1, 1, 1], [7, 0, 0, 6]]),
    (middles, [1, 1]),
]


@pytest.mark.parametrize(
    ("program", "expected"), PROGRAMS, ids=lambda p: getattr(p, "__name__", "")
)
def test_places_by_hand(program: Callable, expected: Any) -> None:
    assert program(rl).tolist() == expected


PARITY = [*(p for p, _ in PROGRAMS), turned_places, second_slopes]


@pytest.mark.filterwarnings("ignore:The reduce argument|index_reduce")
@pytest.mark.parametrize("program", PARITY, ids=lambda p: p.__name__)
def test_places_as_in_pytorch(program: Callable) -> None:
    torch = pytest.importorskip("torch")
    assert program(rl).tolist() == program(torch).tolist()


def test_other_names_are_the_same_functions() -> None:
    """torch.ger, torch.inverse and torch.trapz are other names."""
    assert rl.ger(rl.ones(2), rl.ones(3)).tolist() == [[1.0] * 3] * 2
    assert rl.inverse(rl.eye(2) * 2).tolist() == [[0.5, 0.0], [0.0, 0.5]]
    assert rl.trapz(rl.tensor([1.0, 3.0])).item() == 2.0
    assert rl.eye(2).inverse().tolist() == rl.eye(2).tolist()
    assert rl.ones(2).ger(rl.ones(1)).shape == (2, 1)


def test_values_that_do_not_fit_are_refused() -> None:
    x = rl.zeros(3, 4)
    with pytest.raises(RuntimeError, match="cannot be broadcast to indexing result of 1 dim"):
        x[0] = rl.ones(2, 4)
    with pytest.raises(RuntimeError, match="cannot be broadcast to indexing result of 1 dim"):
        x[rl.tensor([0]), 1] = rl.ones(2, 1)
    with pytest.raises(RuntimeError, match=r"indexing result of shape \[2, 4\]"):
        x[rl.tensor([0, 1])] = rl.ones(3)


def lifted(t: Any) -> Any:
    shapes: list[tuple] = [(), (2,), (2, 3), (2, 3, 1, 1)]
    given = [t.zeros(*s) if s else t.tensor(0.0) for s in shapes]
    lifts = [t.atleast_1d, t.atleast_2d, t.atleast_3d]
    made = [[*map(tuple, (x.shape for x in lift(given)))] for lift in lifts]
    assert made == [[*map(tuple, (x.shape for x in lift(*given)))] for lift in lifts]
    assert made == [[tuple(lift(x).shape) for x in given] for lift in lifts]
    return made


def test_axes_are_added_up_to_a_number() -> None:
    assert lifted(rl) == [
        [(1,), (2,), (2, 3), (2, 3, 1, 1)],
        [(1, 1), (1, 2), (2, 3), (2, 3, 1, 1)],
        [(1, 1, 1), (1, 2, 1), (2, 3, 1), (2, 3, 1, 1)],
    ]
    torch = pytest.importorskip("torch")
    assert lifted(rl) == lifted(torch)


@pytest.mark.parametrize(
    "numbers, kind",
    [((0.0, -2.5), "float32"), ((0, 1.5), "float32"), ((0, 1), "int64"), ((True, False), "bool"),
     ((1j, 0), "complex64"), ((1.0, True), "float32")],
)  # fmt: skip
def test_where_of_two_numbers_has_the_default_dtype(numbers, kind):
    mask = rl.tensor([True, False])
    for f in (rl.where, rl.compile(lambda *given: rl.where(*given))):
        made = f(mask, *numbers)
        assert made.tolist() == list(numbers) and made.dtype is getattr(rl, kind)
    assert rl.where(mask.to("meta"), *numbers).dtype is getattr(rl, kind)
    out = rl.empty(2, dtype=rl.float64)
    if kind == "float32":
        assert rl.where(mask, *numbers, out=out).tolist() == list(numbers)
    torch = pytest.importorskip("torch")
    assert torch.where(torch.tensor([True, False]), *numbers).dtype is getattr(torch, kind)


def test_where_of_two_numbers_follows_another_default():
    mask = rl.tensor([True, False])
    rl.set_default_dtype(rl.float64)
    try:
        assert rl.where(mask, 1.0, 2).dtype is rl.float64
    finally:
        rl.set_default_dtype(rl.float32)
