"""Losses over classes: negative log likelihood and the margin losses."""

from math import prod
from typing import Any

from .._core import dtypes
from .._core.op import op
from .activation import floating
from .loss import reduced
from .softmaxes import shifted


def _column(m: Any, target: Any) -> Any:
    """Class indices (n, ...) as an index array along axis 1: (n, 1, ...)."""
    return m.reshape(target, (target.shape[0], 1, *target.shape[1:]))


def _flat(m: Any, x: Any) -> Any:
    """x (n, 1, ...) without its axis 1."""
    return m.reshape(x, (x.shape[0], *x.shape[2:]))


def _chosen(m: Any, target: Any, classes: int, ignore_index: int) -> tuple:
    """(valid, index): which targets count, and each class index (0 where ignored), all in range."""
    valid = target != ignore_index
    index = m.where(valid, target, 0)
    m.check(
        (index >= 0) & (index < classes),
        lambda: _out_of_bounds(target, classes, ignore_index),
        IndexError,
    )
    return valid, index


def _out_of_bounds(target: Any, classes: int, ignore_index: int) -> str:
    """The message for a class index that does not exist."""
    wrong = next(
        t for t in map(int, target.reshape(-1)) if t != ignore_index and not 0 <= t < classes
    )
    return (
        f"Target {wrong} is out of bounds. There are {classes} classes: targets are integers from "
        f"0 to {classes - 1}, or ignore_index ({ignore_index})"
    )


def _weights(m: Any, valid: Any, index: Any, weight: Any, dtype: Any) -> Any:
    """What each target's loss is multiplied by."""
    if weight is None:
        return m.astype(valid, dtype)
    return m.where(valid, m.reshape(m.take(weight, m.reshape(index, (-1,)), 0), index.shape), 0)


def _check_nll(m: Any, input: Any, target: Any, weight: Any) -> None:
    floating(m, input, "nll_loss_out_frame")
    if target.dtype != m.int64 and target.dtype != m.uint8:
        kind = dtypes.of(target.dtype).type_name
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {kind}; targets are class indices: "
            "convert them with target.long()"
        )
    if weight is not None and weight.shape != (input.shape[1],):
        raise RuntimeError(
            f"weight tensor should be defined either for all {input.shape[1]} classes or no "
            f"classes but got weight tensor of shape: {list(weight.shape)}"
        )


def _all_count(m: Any, target: Any, classes: int, ignore_index: int) -> bool:
    """Whether every target is known to be a class that counts: then there is nothing to mask."""
    return not 0 <= ignore_index < classes and m.within(target, 0, classes)


def _nll(
    m: Any, input: Any, target: Any, weight: Any, reduction: str, ignore_index: int,
    shift: Any = None,
) -> Any:  # fmt: skip
    """The loss of log-probabilities `input - shift`, of which only the chosen ones are formed."""
    if len(input.shape) == 1:
        row = m.reshape(input, (1, -1)), m.reshape(target, (1,))
        made = _nll(m, *row, weight, reduction, ignore_index)
        return m.reshape(made, target.shape if reduction == "none" else ())
    _check_nll(m, input, target, weight)
    if weight is None and _all_count(m, target, input.shape[1], ignore_index):
        picked = m.take_along_axis(input, _column(m, target), 1)
        picked = picked if shift is None else picked - shift
        if reduction == "mean":
            return m.sum(picked) / m.scalar(-prod(target.shape), input.dtype)
        return reduced(m, -_flat(m, picked), reduction)
    valid, index = _chosen(m, target, input.shape[1], ignore_index)
    picked = m.take_along_axis(input, _column(m, index), 1)
    picked = -_flat(m, picked if shift is None else picked - shift)
    scale = _weights(m, valid, index, weight, input.dtype)
    each = m.where(valid, picked * scale, 0)
    if reduction == "mean":
        return m.sum(each) / m.sum(scale)
    return reduced(m, each, reduction)


def _nll_slope(
    m: Any, g: Any, shape: tuple, target: Any, weight: Any, reduction: str, ignore_index: int
) -> Any:
    if len(shape) == 1:
        g = m.reshape(g, (1,)) if reduction == "none" else g
        row = _nll_slope(
            m, g, (1, *shape), m.reshape(target, (1,)), weight, reduction, ignore_index
        )
        return m.reshape(row, shape)
    if weight is None and _all_count(m, target, shape[1], ignore_index):
        each = -g if reduction != "mean" else g / m.scalar(-prod(target.shape), g.dtype)
        column = _column(m, target)
        each = _column(m, each) if reduction == "none" else m.broadcast_to(each, column.shape)
        return m.scatter(m.full(shape, 0, g.dtype), column, each, 1)
    valid = target != ignore_index
    index = m.where(valid, target, 0)
    scale = _weights(m, valid, index, weight, g.dtype)
    each = -(g / m.sum(scale) * scale) if reduction == "mean" else -(g * scale)
    return m.scatter(m.full(shape, 0, g.dtype), _column(m, index), _column(m, each), 1)


@op(None, autocast="float32", straight=True)
def nll_loss(m, input, target, weight=None, *, reduction: str = "mean", ignore_index: int = -100):
    """-input[i, target[i]] for each row, times its class's weight; a mean is over the weights."""
    return _nll(m, input, target, weight, reduction, ignore_index)


@op(None, node="NllLoss2DBackward0", autocast="float32", straight=True)
def nll_loss2d(m, input, target, weight=None, *, reduction: str = "mean", ignore_index: int = -100):
    """nll_loss for each pixel: input (n, classes, h, w), target (n, h, w)."""
    return _nll(m, input, target, weight, reduction, ignore_index)


@op(None, straight=True, differentiable=False)
def undifferentiated_cross_entropy(
    m, input, target, *, reduction: str = "mean", ignore_index: int = -100
):
    """nll_loss of log_softmax along axis 1 as one op, for calls that are not recorded.

    Two ops take half as long again: 16 us against 11 for (4, 8).
    """
    if 0 in input.shape:
        return _nll(m, input, target, None, reduction, ignore_index)
    floating(m, input, "log_softmax_lastdim_kernel_impl")
    z, logarithm = shifted(m, input, 1)
    return _nll(m, z, target, None, reduction, ignore_index, logarithm)


@op(None, node="NllLossBackward0", outputs=("loss", "log_p"), straight=True)
def recorded_cross_entropy(m, input, target, *, reduction: str = "mean", ignore_index: int = -100):
    """The same where it is recorded, and the log-probabilities.

    Differs: the gradient of those, a number a row, is never formed in memory, and PyTorch's graph
    has a LogSoftmaxBackward0 here.
    """
    floating(m, input, "log_softmax_lastdim_kernel_impl")
    z, logarithm = (input, 0) if 0 in input.shape else shifted(m, input, 1)
    log_p = z - logarithm
    return _nll(m, log_p, target, None, reduction, ignore_index), log_p


@recorded_cross_entropy.vjp("input")
def _(m, g, out, target, reduction, ignore_index):
    (g, slope), (_, log_p) = g, out
    if g is not None:
        mine = _nll_slope(m, g, log_p.shape, target, None, reduction, ignore_index)
        slope = mine if slope is None else slope + mine
    return slope - m.exp(log_p) * m.sum(slope, axis=1, keepdims=True)


@nll_loss.vjp("input")
@nll_loss2d.vjp("input")
def _(m, g, input_shape, target, weight, reduction, ignore_index):
    return _nll_slope(m, g, input_shape, target, weight, reduction, ignore_index)


@op("pointwise", node="DivBackward1")
def per_item(m, input, *, count: int = 1):
    """The input over a count that is not a tensor."""
    return input / count


@per_item.vjp("input")
def _(m, g, count):
    return g / count


def _rows(m: Any, x: Any) -> Any:
    return x if len(x.shape) == 2 else m.reshape(x, (1, -1))


def _places(m: Any, n: int) -> Any:
    return m.reshape(m.arange(0, n, 1, m.int64), (1, n))


def _distances(m: Any, input: Any, target: Any, margin: float) -> tuple:
    """(slack, index): how far each wrong class comes within `margin` of the right one."""
    x, index = _rows(m, input), m.reshape(target, (-1, 1))
    classes = x.shape[1]
    m.check((index >= 0) & (index < classes), "target out of range", RuntimeError)
    others = _places(m, classes) != index
    slack = m.maximum(x - m.take_along_axis(x, index, 1) + margin, 0)
    return m.where(others, slack, 0), index


@op(None, autocast="float32")
def multi_margin_loss(
    m, input, target, weight=None, *, p: int = 1, margin: float = 1.0, reduction: str = "mean"
):
    if p not in (1, 2):
        raise RuntimeError("only p == 1 and p == 2 supported")
    slack, index = _distances(m, input, target, margin)
    each = m.sum(slack if p == 1 else slack * slack, axis=1) / slack.shape[1]
    if weight is not None:
        each = each * m.take(weight, m.reshape(index, (-1,)), 0)
    each = reduced(m, each, reduction)
    return m.reshape(each, ()) if len(input.shape) < 2 else each


@multi_margin_loss.vjp("input")
def _(m, g, input, target, weight, p, margin, reduction):
    slack, index = _distances(m, input, target, margin)
    slope = m.astype(slack > 0, input.dtype) if p == 1 else slack * 2
    if weight is not None:
        slope = slope * m.reshape(m.take(weight, m.reshape(index, (-1,)), 0), (-1, 1))
    n, classes = slack.shape
    share = g / (n * classes) if reduction == "mean" else g / classes
    slope = slope * (m.reshape(share, (-1, 1)) if reduction == "none" else share)
    right = _places(m, classes) == index
    return m.reshape(m.where(right, -m.sum(slope, axis=1, keepdims=True), slope), input.shape)


def _label_sets(m: Any, target: Any, classes: int) -> Any:
    """(valid, index, is_label): targets before each row's first -1, and which classes they name."""
    negative = m.astype(target < 0, m.int64)
    valid = m.cumulative_sum(negative, 1) == 0
    index = m.where(valid, target, 0)
    m.check(index < classes, "argument #2 'target' is out of range", RuntimeError)
    hits = m.scatter(m.full(target.shape, 0, m.int64), index, m.astype(valid, m.int64), 1, "add")
    return valid, index, hits > 0


def _label_slack(m: Any, x: Any, target: Any) -> tuple:
    """(n, target slot, class): max(0, 1 - (x[label] - x[class])) for classes that are no label."""
    valid, index, is_label = _label_sets(m, target, x.shape[1])
    n, classes = x.shape
    picked = m.reshape(m.take_along_axis(x, index, 1), (n, classes, 1))
    slack = m.maximum(1 - picked + m.reshape(x, (n, 1, classes)), 0)
    counted = m.reshape(valid, (n, classes, 1)) & m.logical_not(
        m.reshape(is_label, (n, 1, classes))
    )
    return m.where(counted, slack, 0), index


@op(None, node="MultilabelMarginLossBackward0", autocast="float32")
def multilabel_margin_loss(m, input, target, *, reduction: str = "mean"):
    """Sum over labels and non-labels of max(0, 1 - (x[label] - x[other])), over the class count.

    Each row of `target` lists labels; the first -1 ends the list.
    """
    slack, _ = _label_slack(m, _rows(m, input), _rows(m, target))
    each = reduced(m, m.sum(slack, axis=(1, 2)) / slack.shape[2], reduction)
    return m.reshape(each, ()) if len(input.shape) < 2 else each


@multilabel_margin_loss.vjp("input")
def _(m, g, input, target, reduction):
    slack, index = _label_slack(m, _rows(m, input), _rows(m, target))
    n, classes = slack.shape[0], slack.shape[2]
    share = g / (n * classes) if reduction == "mean" else g / classes
    share = m.reshape(share, (-1, 1, 1)) if reduction == "none" else share
    slope = m.astype(slack > 0, input.dtype) * share
    made = m.scatter(m.sum(slope, axis=1), index, -m.sum(slope, axis=2), 1, "add")
    return m.reshape(made, input.shape)
