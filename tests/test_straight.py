"""Bodies written down as straight lines of NumPy calls, and those that cannot be."""

import numpy as np
import pytest

import rushlight as rl
from rushlight._arrays.numpy import NUMPY
from rushlight._arrays.straight import MOST, Lines
from rushlight.nn import functional as F
from rushlight.nn.functional import class_losses


def draw(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


def written(body, *values, **params):
    """The line of a body: it is written at the second call of a signature."""
    lines = Lines(body)
    first = lines.learn((1,), values, params)
    assert (1,) not in lines
    line = lines.learn((1,), values, params)
    assert lines[1,] is line is not first
    return line


def test_a_line_gives_what_the_body_gives():
    def body(m, x, y, *, scale):
        e = m.exp(x - m.max(x, axis=1, keepdims=True)) * scale
        return e / m.sum(e, axis=1, keepdims=True) + y, m.sum(e)

    x, y = draw(4, 8), draw(8)
    before = x.copy()
    for got, wanted in zip(
        written(body, x, y, scale=2.0)(x, y), body(NUMPY, x, y, scale=2.0), strict=True
    ):
        assert np.array_equal(got, wanted)
    assert np.array_equal(x, before)


def test_a_scalar_of_numpys_is_an_array_and_no_constant():
    line = written(lambda m, g, x: g * x + 1, np.float32(2), draw(3))
    assert np.allclose(line(np.float32(5), draw(3)), 5 * draw(3) + 1)


def test_memory_that_a_view_shows_is_not_written_over():
    def body(m, x):
        a = x * 2
        row = m.index(a, (slice(0, 1),))
        return a + 1, row

    x = draw(2, 3)
    _, row = written(body, x)(x)
    assert np.array_equal(row, x[:1] * 2)


def test_a_body_that_looks_at_values_stays_a_body():
    lines = Lines(lambda m, x: m.nonzero(x))
    x = np.array([0.0, 1.0], np.float32)
    for _ in range(3):
        assert lines.learn((1,), (x,), {})(x).tolist() == [[1]]


def test_signatures_are_bounded():
    lines = Lines(lambda m, x: m.exp(x) + 1)
    x = draw(2)
    for n in range(MOST + 10):
        lines.learn((n,), (x,), {})
    assert len(lines.seen) == MOST


@pytest.mark.parametrize("bad", [8, -1])
def test_a_line_for_good_labels_refuses_bad_ones(bad):
    x = rl.tensor(draw(4, 8))
    good = F.cross_entropy(x, rl.tensor([0, 1, 2, 3]))
    for _ in range(3):
        assert F.cross_entropy(x, rl.tensor([0, 1, 2, 3])).item() == good.item()
    with pytest.raises(IndexError, match="is out of bounds"):
        F.cross_entropy(x, rl.tensor([0, 1, 2, bad]))
    masked = F.cross_entropy(x, rl.tensor([0, 1, -100, -100]))
    assert masked.item() == pytest.approx(F.cross_entropy(x[:2], rl.tensor([0, 1])).item())


def test_recorded_and_unrecorded_cross_entropy_agree():
    x, labels = rl.tensor(draw(5, 7)), rl.tensor([0, 6, 3, 2, 2])
    for reduction in ("mean", "sum", "none"):
        plain = F.cross_entropy(x, labels, reduction=reduction)
        taped = F.cross_entropy(x.clone().requires_grad_(), labels, reduction=reduction)
        assert type(taped.grad_fn).__name__ == "NllLossBackward0"
        assert rl.allclose(plain, taped.detach())


@pytest.mark.parametrize("ignored", [-100, 2])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_of_many_logits_is_one_op(monkeypatch, reduction, ignored):
    """Values, gradients and gradients of those are what log_softmax and nll_loss give."""
    labels, values, seen = rl.tensor([0, 6, 3, 2, 2]), draw(5, 7), []
    for many in (0, 1000):
        monkeypatch.setattr(class_losses, "_MANY", many)
        x = rl.tensor(values).requires_grad_()
        loss = F.cross_entropy(x, labels, reduction=reduction, ignore_index=ignored)
        (g,) = rl.autograd.grad((loss * loss).sum(), x, create_graph=True)
        (g * g).sum().backward()
        logits = x * 1
        loss = F.cross_entropy(logits, labels, reduction=reduction, ignore_index=ignored)
        logits.detach().zero_()  # neither way keeps its input
        loss.sum().backward()
        seen.append((loss.detach(), g.detach(), x.grad))
        assert type(loss.grad_fn).__name__ == "NllLossBackward0"
    for one, two in zip(*seen):
        assert rl.allclose(one, two, rtol=1e-4, atol=1e-6)
    monkeypatch.setattr(class_losses, "_MANY", 0)
    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        F.cross_entropy(x, labels + 1, reduction=reduction)


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])
def test_few_rows_by_a_large_matrix(rows):
    x, w = draw(rows, 300), draw(256, 300)
    made = F.linear(rl.tensor(x), rl.tensor(w)).numpy()
    assert np.allclose(made, x @ w.T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("rows", [2, 70])
def test_a_choice_is_numpys_bit_by_bit(rows, kind):
    """Many floats are chosen by the bits of a mask: the sign of zero and not-a-number stay."""
    x, y = draw(rows, 64).astype(kind), draw(64, rows).astype(kind).T
    x[0, :4], y[1, :4] = (-0.0, np.nan, np.inf, -np.inf), (np.nan, -0.0, -np.inf, np.inf)
    mask = draw(rows, 64) > 0.3
    row, column, number = y[:1], x[:, :1], np.asarray(-0.0, kind)
    for a, b in (
        (x, y), (x, 0), (0, x), (x, 1.5), (-2, y), (x, -0.0), (x, number), (number, x),
        (x, row), (column, y), (x, np.asarray(0, kind)), (row, column), (x, np.arange(64)), (1, 2),
    ):  # fmt: skip
        for m in (mask, mask.T.copy().T):
            got, wanted = NUMPY.where(m, a, b), np.where(m, a, b)
            assert got.dtype == wanted.dtype
            assert got.tobytes() == wanted.tobytes()
    line = written(lambda m, c, a, *, b: m.where(c, a, b), mask, x, b=0.0)
    assert line(mask, x).tobytes() == np.where(mask, x, np.zeros((), kind)).tobytes()


@pytest.mark.parametrize("shape", [(3, 5), (64, 256), (512, 7), (513, 7), (0, 4), (4, 0), (1, 9)])
def test_columns_are_added_up(shape):
    x = draw(*shape)
    for given in (x, x.copy(order="F"), x[:, ::2], x.astype("float64")):
        for axis, keepdims in ((0, False), (-2, True), ((0,), False)):
            wanted = given.astype("float64").sum(axis, keepdims=keepdims)
            for got in (
                NUMPY.sum(given, axis=axis, keepdims=keepdims),
                written(lambda m, x, **how: m.sum(x, **how), given, axis=axis, keepdims=keepdims)(
                    given
                ),
            ):
                assert got.dtype == given.dtype
                assert got.shape == wanted.shape
                np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
