# ruff: noqa: E501  (the sentences are PyTorch's, and longer than a line)
"""nn.functional without PyTorch: slopes, definitions, errors, and what a call changes in place."""

import itertools
import math
import warnings
from typing import Any

import numpy as np
import pytest
from functional_cases import Fixed, cases

import rushlight as torch
import rushlight.nn.functional as F

CASES = cases()
IDS = [f"{i}-{name}" for i, (name, _, _) in enumerate(CASES)]


def prepared(
    args: tuple, kwargs: dict, shift: dict[int, np.ndarray] | None = None
) -> tuple[list, dict, list]:
    """(args, kwargs, leaves) as tensors; leaf number i moved by shift[i]."""
    leaves: list = []

    def one(a: Any) -> Any:
        if isinstance(a, Fixed):
            return torch.tensor(a.array)
        if not isinstance(a, np.ndarray):
            return a
        moved = a + shift[len(leaves)] if shift is not None and a.dtype == np.float64 else a
        made = torch.tensor(moved, requires_grad=a.dtype == np.float64)
        if a.dtype == np.float64:
            leaves.append(made)
        return made

    return [one(a) for a in args], {k: one(v) for k, v in kwargs.items()}, leaves


def first(made: Any) -> Any:
    return made[0] if isinstance(made, tuple) else made


# Not derivatives of their values, on purpose: a row that is left alone, a share by frequency
UNLIKE = {"padding_idx", "scale_grad_by_freq"}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_slope_along_a_direction(case: tuple) -> None:
    name, args, kwargs = case
    if UNLIKE & set(kwargs) and name == "embedding":
        pytest.skip("its gradient leaves something out on purpose")
    function, rng = getattr(F, name), np.random.default_rng(3)
    tensors, named, leaves = prepared(args, kwargs)
    made = first(function(*tensors, **named))
    if not leaves or not made.requires_grad:
        return
    weights = torch.tensor(rng.uniform(0.5, 1.5, made.shape))
    (made * weights).sum().backward()
    directions = [rng.uniform(-1, 1, leaf.shape) for leaf in leaves]
    slope = sum(float((leaf.grad * torch.tensor(d)).sum()) for leaf, d in zip(leaves, directions))
    step, values = 1e-6, []
    for sign in (1, -1):
        shift = {i: sign * step * d for i, d in enumerate(directions)}
        tensors, named, _ = prepared(args, kwargs, shift)
        values.append(float((first(function(*tensors, **named)) * weights).sum()))
    assert slope == pytest.approx((values[0] - values[1]) / (2 * step), rel=2e-5, abs=2e-6)


# -- definitions, in loops


def convolved(
    x: np.ndarray, w: np.ndarray, stride: int, padding: int, dilation: int, groups: int
) -> np.ndarray:
    """Cross-correlation of images as it is written in books."""
    x = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    n, c, h, wd = x.shape
    o, each, kh, kw = w.shape
    rows = (h - dilation * (kh - 1) - 1) // stride + 1
    columns = (wd - dilation * (kw - 1) - 1) // stride + 1
    made = np.zeros((n, o, rows, columns))
    for b, f, i, j in np.ndindex(made.shape):
        group = f // (o // groups)
        for q, u, v in np.ndindex(each, kh, kw):
            y, z = i * stride + u * dilation, j * stride + v * dilation
            made[b, f, i, j] += w[f, q, u, v] * x[b, group * each + q, y, z]
    return made


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"),
    [(1, 0, 1, 1), (2, 1, 1, 1), (1, 2, 2, 1), (1, 1, 1, 2), (3, 2, 2, 4)],
)
def test_convolution_is_its_definition(
    stride: int, padding: int, dilation: int, groups: int
) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 4, 7, 6)), rng.standard_normal((4, 4 // groups, 3, 2))
    made = F.conv2d(torch.tensor(x), torch.tensor(w), None, stride, padding, dilation, groups)
    np.testing.assert_allclose(made.numpy(), convolved(x, w, stride, padding, dilation, groups))


def test_convolution_in_blocks_equals_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    from rushlight._arrays import convolution

    rng = np.random.default_rng(1)
    x = torch.tensor(rng.standard_normal((5, 2, 6, 6)), requires_grad=True)
    w = torch.tensor(rng.standard_normal((3, 2, 3, 3)), requires_grad=True)

    def run() -> list[np.ndarray]:
        x.grad = w.grad = None
        made = F.conv2d(x, w, padding=1)
        (made * made).sum().backward()
        return [made.detach().numpy(), x.grad.numpy(), w.grad.numpy()]

    whole = run()
    monkeypatch.setattr(convolution, "BLOCK", 1)
    for a, b in zip(whole, run(), strict=True):
        np.testing.assert_allclose(a, b)


def test_convolution_takes_views_and_channels_last() -> None:
    rng = np.random.default_rng(2)
    x, w = (
        torch.tensor(rng.standard_normal((2, 5, 6, 3))).permute(0, 3, 1, 2),
        torch.tensor(rng.standard_normal((4, 3, 2, 2))),
    )
    np.testing.assert_allclose(F.conv2d(x, w).numpy(), F.conv2d(x.contiguous(), w).numpy())


def test_max_pool_of_equals_sends_the_gradient_to_the_first() -> None:
    x = torch.zeros(1, 1, 2, 2, requires_grad=True)
    made, where = F.max_pool2d(x, 2, return_indices=True)
    made.sum().backward()
    assert where.tolist() == [[[[0]]]]
    assert x.grad.tolist() == [[[[1.0, 0.0], [0.0, 0.0]]]]
    y = torch.zeros(1, 1, 2, 2, requires_grad=True)
    F.max_pool2d(y, 2).sum().backward()
    assert torch.equal(x.grad, y.grad)


def ctc_by_enumeration(log_p: np.ndarray, labels: list[int], blank: int) -> float:
    """Minus the log of the summed probability of all paths that read as the labels."""
    time, classes = log_p.shape
    total = -math.inf
    for path in itertools.product(range(classes), repeat=time):
        merged = [k for k, _ in itertools.groupby(path) if k != blank]
        if merged == labels:
            total = np.logaddexp(total, sum(log_p[t, k] for t, k in enumerate(path)))
    return -total


def test_ctc_sums_over_all_alignments() -> None:
    rng = np.random.default_rng(4)
    log_p = torch.log_softmax(torch.tensor(rng.standard_normal((5, 3, 3))), -1)
    rows, lengths, times = [[1, 2], [1, 1], [2, 0]], [2, 2, 1], [5, 4, 3]
    made = F.ctc_loss(log_p, torch.tensor(rows), times, lengths, reduction="none")
    for i, (row, n, t) in enumerate(zip(rows, lengths, times)):
        wanted = ctc_by_enumeration(log_p.numpy()[:t, i], row[:n], 0)
        assert float(made[i]) == pytest.approx(wanted)
    joined = torch.tensor([1, 2, 1, 1, 2])
    again = F.ctc_loss(log_p, joined, torch.tensor(times), torch.tensor(lengths), reduction="none")
    np.testing.assert_allclose(made.numpy(), again.numpy())


def test_ctc_slope_behind_a_log_softmax() -> None:
    rng = np.random.default_rng(5)
    x, d = rng.standard_normal((5, 2, 4)), rng.standard_normal((5, 2, 4))

    def loss(values: Any) -> Any:
        return F.ctc_loss(values.log_softmax(-1), torch.tensor([[1, 2], [3, 3]]), (5, 4), (2, 1))

    leaf = torch.tensor(x, requires_grad=True)
    loss(leaf).backward()
    wanted = (
        float(loss(torch.tensor(x + 1e-6 * d))) - float(loss(torch.tensor(x - 1e-6 * d)))
    ) / 2e-6
    assert float((leaf.grad * torch.tensor(d)).sum()) == pytest.approx(wanted, rel=1e-5)


def test_ctc_of_an_impossible_alignment() -> None:
    log_p = torch.zeros(2, 1, 3, dtype=torch.float64).log_softmax(-1).requires_grad_()
    short = (log_p, torch.tensor([[1, 2, 1]]), (2,), (3,))
    assert float(F.ctc_loss(*short)) == math.inf
    made = F.ctc_loss(*short, zero_infinity=True)
    made.backward()
    assert float(made) == 0.0 and not log_p.grad.any()


def test_attention_is_its_definition() -> None:
    rng = np.random.default_rng(6)
    q, k, v = (rng.standard_normal((2, n, 4)) for n in (3, 5, 5))
    scores = q @ k.swapaxes(1, 2) / 2
    e = np.exp(scores - scores.max(-1, keepdims=True))
    wanted = e / e.sum(-1, keepdims=True) @ v
    made = F.scaled_dot_product_attention(*(torch.tensor(a) for a in (q, k, v)))
    np.testing.assert_allclose(made.numpy(), wanted)


def test_a_query_that_may_look_nowhere_mixes_nothing() -> None:
    q = torch.ones(1, 2, 3)
    mask = torch.tensor([[True, False], [False, False]])
    made = F.scaled_dot_product_attention(q, q, q, attn_mask=mask)
    assert made[0, 0].tolist() == [1.0] * 3 and made[0, 1].tolist() == [0.0] * 3


# -- what calls change, and what they leave alone


def test_batch_norm_follows_the_batch() -> None:
    x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    mean, var = torch.zeros(2), torch.ones(2)
    F.batch_norm(x, mean, var, training=True, momentum=0.5)
    assert mean.tolist() == [1.0, 10.0]
    assert var.tolist() == [1.5, 100.5]  # the unbiased variances are 2 and 200
    F.batch_norm(x, mean, var)
    assert mean.tolist() == [1.0, 10.0]


def test_padding_row_gets_no_gradient() -> None:
    table = torch.ones(4, 2, requires_grad=True)
    F.embedding(torch.tensor([1, 2, 1]), table, padding_idx=1).sum().backward()
    assert table.grad.tolist() == [[0, 0], [0, 0], [1, 1], [0, 0]]


def test_frequent_rows_share_their_gradient() -> None:
    table = torch.ones(3, 1, requires_grad=True)
    F.embedding(torch.tensor([1, 1, 0]), table, scale_grad_by_freq=True).sum().backward()
    assert table.grad.tolist() == [[1], [1], [0]]


def test_long_rows_are_shrunk_where_they_are_looked_up() -> None:
    table = torch.tensor([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]])
    made = F.embedding(torch.tensor([0, 1]), table, max_norm=1.0)
    np.testing.assert_allclose(made.numpy(), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-5)
    np.testing.assert_allclose(table.numpy(), [[0.6, 0.8], [0.3, 0.4], [6, 8]], rtol=1e-5)


@pytest.mark.parametrize("name", ["relu", "relu6", "elu", "selu", "celu", "leaky_relu", "hardtanh", "silu", "mish", "hardsigmoid", "hardswish", "rrelu"])  # fmt: skip
def test_inplace_writes_into_the_input(name: str) -> None:
    values = np.linspace(-3, 3, 7)
    leaf, other = (torch.tensor(values, requires_grad=True) for _ in range(2))
    x, function = leaf * 1, getattr(F, name)
    made = function(x, inplace=True)
    assert made is x
    wanted = function(other * 1)
    assert torch.equal(x, wanted)
    made.sum().backward()
    wanted.sum().backward()
    assert torch.equal(leaf.grad, other.grad)


def test_drawn_slopes_of_rrelu_lie_between_the_bounds() -> None:
    torch.manual_seed(0)
    x = torch.tensor([-1.0, 2.0, -3.0, 0.0])
    made = F.rrelu(x, 0.1, 0.3, training=True)
    slopes = (made / x)[[0, 2]]
    assert float(made[1]) == 2.0 and 0.1 <= float(slopes.min()) <= float(slopes.max()) <= 0.3


def test_hard_gumbel_draws_are_one_hot_and_have_a_gradient() -> None:
    torch.manual_seed(0)
    x = torch.zeros(5, 3, requires_grad=True)
    made = F.gumbel_softmax(x, hard=True)
    assert made.detach().sum(-1).tolist() == pytest.approx([1.0] * 5)
    (made * torch.arange(3.0)).sum().backward()
    assert bool(x.grad.any())


def test_half_precision_answers_in_half_precision() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        x = torch.ones(2, 4, dtype=dtype)
        assert F.layer_norm(x, (4,)).dtype is dtype
        assert F.softmax(x, -1).dtype is dtype
        assert F.mse_loss(x, x).dtype is dtype
        image = torch.ones(1, 1, 4, 4, dtype=dtype)
        assert F.conv2d(image, torch.ones(1, 1, 2, 2, dtype=dtype)).dtype is dtype
        assert F.max_pool2d(image, 2).dtype is dtype


def test_softmax_of_a_given_type() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    made = F.softmax(x, 0, dtype=torch.float64)
    made[0].backward()
    assert made.dtype is torch.float64 and x.grad.dtype is torch.float32


def test_ignored_targets_count_for_nothing() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, math.nan]], requires_grad=True)
    made = F.cross_entropy(x[:1], torch.tensor([0]))
    both = F.nll_loss(x, torch.tensor([0, -100]))
    both.backward()
    assert float(both) == -1.0 and math.isfinite(float(made))
    assert x.grad.tolist() == [[-1.0, 0.0], [0.0, 0.0]]


# -- warnings and errors

IMAGE, ROW = (1, 1, 4, 4), (4, 5)


def z(*shape: int) -> Any:
    return torch.zeros(*shape)


def whole(*values: int) -> Any:
    return torch.tensor(values)


ERRORS = [
    (lambda: F.conv2d(z(1, 3, 8, 8), z(6, 1, 5, 5)), RuntimeError, "Given groups=1, weight of size [6, 1, 5, 5], expected input[1, 3, 8, 8] to have 1 channels, but got 3 channels instead"),
    (lambda: F.conv2d(z(8, 8), z(6, 1, 5, 5)), RuntimeError, "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [8, 8]"),
    (lambda: F.conv2d(z(1, 1, 2, 2), z(6, 1, 5, 5)), RuntimeError, "Calculated padded input size per channel: (2 x 2). Kernel size: (5 x 5). Kernel size can't be greater than actual input size"),
    (lambda: F.conv2d(z(*IMAGE).double(), z(1, 1, 2, 2)), RuntimeError, "expected scalar type Double but found Float"),
    (lambda: F.conv2d(z(*IMAGE), z(1, 1, 2, 2), padding="same", stride=2), RuntimeError, "padding='same' is not supported for strided convolutions"),
    (lambda: F.conv2d(z(*IMAGE), z(1, 1, 2, 2), stride=(1, 2, 3)), RuntimeError, "expected stride to be a single integer value or a list of 2 values to match the convolution dimensions, but got stride=[1, 2, 3]"),
    (lambda: F.conv2d(z(*IMAGE), z(1, 1, 2, 2), z(3)), RuntimeError, "Given weight of size [1, 1, 2, 2], expected bias to be 1-dimensional with 1 elements, but got bias of size [3] instead"),
    (lambda: F.conv_transpose2d(z(1, 3, 8, 8), z(2, 4, 3, 3)), RuntimeError, "Given transposed=1, weight of size [2, 4, 3, 3], expected input[1, 3, 8, 8] to have 2 channels, but got 3 channels instead"),
    (lambda: F.max_pool2d(z(*IMAGE), 5), RuntimeError, "Given input size: (1x4x4). Calculated output size: (1x0x0). Output size is too small"),
    (lambda: F.max_pool2d(z(*IMAGE), 2, padding=2), RuntimeError, "pad should be at most half of effective kernel size, but got pad=2, kernel_size=2 and dilation=1"),
    (lambda: F.batch_norm(z(1, 4), None, None, training=True), ValueError, "Expected more than 1 value per channel when training, got input size torch.Size([1, 4])"),
    (lambda: F.batch_norm(z(*ROW), z(3), z(3)), RuntimeError, "running_mean should contain 5 elements not 3"),
    (lambda: F.layer_norm(z(*ROW), (4,)), RuntimeError, "Given normalized_shape=[4], expected input with shape [*, 4], but got input of size[4, 5]"),
    (lambda: F.group_norm(z(2, 5, 3), 2), RuntimeError, "Expected number of channels in input to be divisible by num_groups, but got input of shape [2, 5, 3] and num_groups=2"),
    (lambda: F.embedding(whole(9), z(4, 3)), IndexError, "index out of range in self"),
    (lambda: F.embedding(whole(-1), z(4, 3)), IndexError, "index out of range in self"),
    (lambda: F.embedding(z(2), z(4, 3)), RuntimeError, "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch.FloatTensor instead"),
    (lambda: F.one_hot(whole(5), 3), RuntimeError, "Class values must be smaller than num_classes."),
    (lambda: F.cross_entropy(z(*ROW), whole(1, 2)), ValueError, "Expected input batch_size (4) to match target batch_size (2)."),
    (lambda: F.cross_entropy(z(*ROW), whole(1, 2, 3, 7)), IndexError, "Target 7 is out of bounds."),
    (lambda: F.cross_entropy(z(*ROW), whole(1, 2, 3, -1)), IndexError, "Target -1 is out of bounds."),
    (lambda: F.cross_entropy(z(*ROW), z(4)), RuntimeError, "expected target dtype to be Long or Byte, but got Float"),
    (lambda: F.cross_entropy(z(*ROW), z(*ROW).long()), RuntimeError, "Expected floating point type for target with class probabilities, got Long"),
    (lambda: F.nll_loss(z(*ROW), z(*ROW).long()), RuntimeError, "0D or 1D target tensor expected, multi-target not supported"),
    (lambda: F.mse_loss(z(3), z(3), reduction="most"), ValueError, "most is not a valid value for reduction"),
    (lambda: F.binary_cross_entropy(z(3) + 2, z(3)), RuntimeError, "all elements of input should be between 0 and 1"),
    (lambda: F.binary_cross_entropy_with_logits(z(4, 1), z(4)), ValueError, "Target size (torch.Size([4])) must be the same as input size (torch.Size([4, 1]))"),
    (lambda: F.softmax(whole(1, 2), 0), NotImplementedError, "\"softmax_lastdim_kernel_impl\" not implemented for 'Long'"),
    (lambda: F.gelu(whole(1)), NotImplementedError, "\"GeluKernelImpl\" not implemented for 'Long'"),
    (lambda: F.glu(z(*ROW)), RuntimeError, "Halving dimension must be even, but dimension 1 is size 5"),
    (lambda: F.prelu(z(2, 2), z(3)), RuntimeError, "Mismatch of parameter numbers and input channel size. Found parameter numbers = 3 and channel size = 2."),
    (lambda: F.pad(z(*IMAGE), (4, 4, 1, 1), mode="reflect"), RuntimeError, "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding (4, 4) at dimension 3 of input [1, 1, 4, 4]"),
    (lambda: F.pad(z(*ROW), (1,)), RuntimeError, "Padding length must be divisible by 2"),
    (lambda: F.interpolate(z(*IMAGE), 2, mode="linear"), NotImplementedError, "Got 4D input, but linear mode needs 3D input"),
    (lambda: F.interpolate(z(*IMAGE)), ValueError, "either size or scale_factor should be defined"),
    (lambda: F.grid_sample(z(*IMAGE), z(1, 2, 2, 3), align_corners=False), RuntimeError, "grid_sampler(): expected grid to have size 2 in last dimension, but got grid with sizes [1, 2, 2, 3]"),
    (lambda: F.pixel_shuffle(z(*IMAGE), 3), RuntimeError, "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)=1 is not divisible by 9"),
    (lambda: F.fold(z(1, 4, 5), (4, 4), 2), RuntimeError, "Given output_size=(4, 4), kernel_size=(2, 2), dilation=(1, 1), padding=(0, 0), stride=(1, 1), expected size of input's dimension 2 to match the calculated number of sliding blocks 3 * 3 = 9, but got input.size(2)=5."),
    (lambda: F.ctc_loss(z(5, 2, 4), whole(1, 1), (6, 5), (1, 1)), RuntimeError, "Expected input_lengths to have value at most 5, but got value 6"),
]  # fmt: skip


@pytest.mark.parametrize("case", ERRORS, ids=range(len(ERRORS)))
def test_error_begins_with_pytorchs_sentence(case: tuple) -> None:
    call, kind, sentence = case
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value).startswith(sentence)


def test_warnings_are_pytorchs() -> None:
    said = [
        (lambda: F.mse_loss(z(2, 3), z(2, 1)), "Using a target size"),
        (lambda: F.softmax(z(2)), "Implicit dimension choice for softmax has been deprecated."),
        (
            lambda: F.kl_div(z(2, 2), z(2, 2) + 1),
            "reduction: 'mean' divides the total loss by both",
        ),
        (
            lambda: F.l1_loss(z(2), z(2), size_average=False),
            "size_average and reduce args will be deprecated",
        ),
        (
            lambda: F.grid_sample(z(*IMAGE), z(1, 2, 2, 2)),
            "Default grid_sample and affine_grid behavior",
        ),
    ]
    for call, start in said:
        with pytest.warns(UserWarning) as caught:
            call()
        assert str(caught[0].message).startswith(start)
        assert caught[0].filename == __file__ or start.startswith(("size_average", "Using"))


def test_nothing_is_said_where_nothing_is_wrong() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.cross_entropy(z(2, 3), whole(0, 1))
        F.kl_div(z(2, 2), z(2, 2) + 1, reduction="batchmean")
        F.interpolate(z(*IMAGE), scale_factor=2, mode="bilinear")
