"""Reductions, scans, order and counting: what the walk over all ops does not say."""

import math
import mmap

import numpy as np
import pytest

import rushlight as torch

nan, inf = float("nan"), float("inf")


def gradient(function, values):
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    function(x).backward()
    return x.grad.tolist()


# -- accuracy


@pytest.mark.parametrize("count", [1 << 17, (1 << 20) + 5])
def test_a_long_sum_is_exact_to_the_last_bits(count):
    x = torch.full((count,), 0.1)
    wanted = float(x.numpy().sum(dtype=np.float64))
    assert float(x.sum()) == pytest.approx(wanted, rel=3e-7)
    x[7], x[-1] = inf, 2.0
    assert float(x.sum()) == inf
    x[8] = nan
    assert math.isnan(float(x.sum())) and math.isnan(float(x.mean()))


@pytest.mark.parametrize("count", [1 << 17, (1 << 20) + 5])
def test_a_long_sum_over_a_mapping_is_the_same(count):
    x = np.random.default_rng(0).random(count, dtype=np.float32)
    mapping = mmap.mmap(-1, x.nbytes)
    mapping[:] = x.tobytes()
    mapped = np.frombuffer(memoryview(mapping), np.float32)
    assert float(torch.from_numpy(mapped).sum()) == float(torch.from_numpy(x).sum())


@pytest.mark.parametrize(
    ("shape", "dim"),
    [
        ((100_000, 3), 0),
        ((3000, 500), 0),
        ((64, 28, 28, 32), (0, 1, 2)),
        ((64, 28, 28, 32), (0, 1)),
    ],
)
def test_float_sums_over_outer_dimensions_keep_their_digits(shape, dim):
    x = np.random.default_rng(0).random(shape, dtype=np.float32)
    wanted = x.astype(np.float64).sum(dim)
    found = torch.from_numpy(x).sum(dim).numpy()
    assert np.abs(found / wanted - 1).max() < 1e-6


def test_transposed_sums_keep_their_digits():
    x = np.random.default_rng(0).random((100_000, 3), dtype=np.float32)
    found = torch.from_numpy(x).t().sum(1, keepdim=True).numpy()
    assert found.shape == (3, 1)
    assert np.abs(found[:, 0] / x.astype(np.float64).sum(0) - 1).max() < 1e-6


def test_halves_add_up_in_float32():
    assert torch.ones(3000, dtype=torch.float16).sum().item() == 3000
    assert torch.ones(3000, dtype=torch.bfloat16).mean().item() == 1


def test_cumulative_sums_keep_their_digits():
    x = np.full(100_000, 0.1, np.float32)
    found = torch.from_numpy(x).cumsum(0)[-1].item()
    assert abs(found / 10_000 - 1) < 1e-6


# -- dtypes


def test_integers_add_and_multiply_in_int64():
    assert torch.tensor([200, 100], dtype=torch.uint8).sum().item() == 300
    assert torch.tensor([True, True]).sum().dtype is torch.int64
    assert torch.tensor([100, 100], dtype=torch.int8).prod().item() == 10_000
    assert torch.tensor([100, 100], dtype=torch.int8).cumsum(0).tolist() == [100, 200]


def test_the_dtype_argument_casts_first():
    x = torch.tensor([0.6, 0.6])
    assert x.sum(dtype=torch.int64).item() == 0
    assert torch.tensor([1, 2]).mean(dtype=torch.float32).item() == 1.5
    assert torch.ones(2, dtype=torch.float16).sum(dtype=torch.float32).dtype is torch.float32


def test_the_mean_of_integers_is_refused():
    with pytest.raises(RuntimeError, match=r"mean\(\): could not infer output dtype.*Got: Long"):
        torch.tensor([1, 2]).mean()


def test_all_and_any_of_bytes_are_bytes():
    x = torch.tensor([[1, 0]], dtype=torch.uint8)
    assert torch.all(x).dtype is torch.uint8
    assert torch.any(x, 0).tolist() == [1, 0]


def test_all_over_no_dimension_asks_each_element():
    assert torch.all(torch.tensor([[1, 0]]), dim=()).tolist() == [[True, False]]
    assert torch.sum(torch.ones(2, 3), dim=()).item() == 6


# -- empty tensors and NaN


def test_empty_reductions_have_their_neutral_element():
    e = torch.zeros(0, 3)
    assert e.sum().item() == 0
    assert e.prod(0).tolist() == [1, 1, 1]
    assert math.isnan(e.mean().item())
    assert torch.logsumexp(e, 0).tolist() == [-inf] * 3
    assert e.all().item() is True


@pytest.mark.parametrize("name", ["max", "min", "amax", "argmax"])
def test_the_extreme_of_nothing_is_refused(name):
    with pytest.raises((RuntimeError, IndexError), match=rf"{name}\(\): Expected reduction dim"):
        getattr(torch.zeros(0, 3), name)()
    with pytest.raises(
        IndexError, match=rf"{name}\(\): Expected reduction dim 0 to have non-zero size"
    ):
        getattr(torch.zeros(0, 3), name)(0)
    assert getattr(torch.zeros(0, 3), name)(1) is not None


def test_nan_spreads_and_is_found_first():
    x = torch.tensor([1.0, nan, 3.0])
    assert math.isnan(x.max().item())
    assert x.argmax().item() == x.argmin().item() == 1
    assert math.isnan(x.median().item())
    assert x.nanmedian().item() == 1
    assert x.nansum().item() == 4
    assert x.nanmean().item() == 2
    assert x.sort().indices.tolist() == [0, 2, 1]
    assert x.sort(descending=True).indices.tolist() == [1, 2, 0]


# -- ties


def test_equal_extremes_share_the_gradient():
    values = [1.0, 2.0, 2.0]
    assert gradient(torch.amax, values) == [0, 0.5, 0.5]
    assert gradient(torch.max, values) == [0, 0.5, 0.5]
    assert gradient(torch.median, [1.0, 2.0, 2.0, 3.0]) == [0, 0.5, 0.5, 0]


def test_an_extreme_along_a_dimension_sends_its_gradient_to_the_index():
    assert gradient(lambda x: x.max(0).values, [1.0, 2.0, 2.0]) == [0, 1, 0]
    assert gradient(lambda x: x.cummax(0)[0].sum(), [1.0, 3.0, 3.0, 2.0]) == [1, 1, 2, 0]


def test_sorting_is_stable_both_ways():
    x = torch.tensor([2, 1, 2, 1])
    assert x.sort().indices.tolist() == [1, 3, 0, 2]
    assert x.sort(descending=True).indices.tolist() == [0, 2, 1, 3]


def test_the_lower_median_is_taken():
    assert torch.tensor([4.0, 1.0, 3.0, 2.0]).median().item() == 2
    values, indices = torch.tensor([[4.0, 1.0, 3.0, 2.0]]).median(1)
    assert (values.item(), indices.item()) == (2, 3)


def test_mode_takes_the_smallest_of_the_most_frequent():
    values, indices = torch.tensor([2, 1, 2, 1, 3]).mode()
    assert (values.item(), indices.item()) == (1, 3)


# -- gradients where care is needed


def test_a_zero_in_a_product_still_has_the_right_derivatives():
    def second(function, values):
        x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
        (g,) = torch.autograd.grad(function(x), x, create_graph=True)
        rows = [
            torch.autograd.grad(g[i], x, retain_graph=True)[0].tolist() for i in range(len(values))
        ]
        return g.tolist(), rows

    first, rows = second(lambda x: x.prod(), [2.0, 0.0, 3.0])
    assert first == [0, 6, 0]
    assert rows == [[0, 3, 0], [3, 0, 2], [0, 2, 0]]
    first, rows = second(lambda x: x.cumprod(0).sum(), [2.0, 0.0, 3.0])  # x + xy + xyz
    assert first == [1, 8, 0]
    assert rows == [[0, 4, 0], [4, 0, 2], [0, 2, 0]]


def test_the_deviation_of_equal_numbers_has_no_gradient():
    assert gradient(lambda x: x.std(), [1.0, 1.0]) == [0, 0]


def test_the_norm_of_zeros_has_no_gradient():
    assert gradient(lambda x: x.norm(), [0.0, 0.0]) == [0, 0]


def test_logsumexp_does_not_overflow():
    x = torch.tensor([1000.0, 1000.0])
    assert torch.logsumexp(x, 0).item() == pytest.approx(1000 + math.log(2))
    assert torch.logcumsumexp(x, 0).tolist() == pytest.approx([1000, 1000 + math.log(2)])


# -- forms of the call


def test_numpys_names_are_taken_too():
    x = torch.arange(6.0).reshape(2, 3)
    assert x.sum(axis=1, keepdims=True).tolist() == [[3], [12]]
    assert x.max(axis=1).values.tolist() == [2, 5]
    assert x.std(axis=0).shape == (3,)
    with pytest.raises(TypeError, match=r"sum\(\) got an unexpected keyword argument 'foo'"):
        x.sum(foo=1)


def test_results_are_written_into_out():
    x, target = torch.ones(2, 3), torch.zeros(3)
    assert torch.sum(x, 0, out=target) is target
    assert target.tolist() == [2, 2, 2]


def test_variance_takes_its_old_and_new_arguments():
    x = torch.tensor([1.0, 2.0, 4.0])
    assert x.var(False).item() == x.var(unbiased=False).item() == x.var(correction=0).item()
    assert x.var(0, True).item() == x.var().item()
    assert math.isnan(torch.tensor([1.0]).var().item())
    with pytest.raises(TypeError, match="invalid combination of arguments"):
        x.var(0, unbiased=True, correction=1)


def test_max_has_three_forms():
    x = torch.tensor([[1.0, 5.0], [3.0, 2.0]])
    assert x.max().item() == 5
    assert torch.max(x, x.t()).tolist() == [[1, 5], [5, 2]]
    assert repr(x.max(1)) == (
        "torch.return_types.max(\nvalues=tensor([5., 3.]),\nindices=tensor([1, 0]))"
    )
    with pytest.raises(TypeError, match="for several dims use amax"):
        x.max((0, 1))


# -- order and counting


def test_topk_of_many_equals_the_sorted_front():
    x = torch.from_numpy(np.random.default_rng(0).permutation(1000).astype(np.float32))
    for largest in (True, False):
        values, indices = x.topk(5, largest=largest)
        wanted = x.sort(descending=largest)
        assert values.tolist() == wanted.values[:5].tolist()
        assert indices.tolist() == wanted.indices[:5].tolist()
    assert x.topk(0).values.shape == (0,)


def test_each_nan_is_unique():
    found = torch.unique(torch.tensor([nan, 1.0, nan]))
    assert found[0].item() == 1 and found[1:].isnan().all()


def test_unique_along_a_dimension():
    x = torch.tensor([[1, 2], [1, 2], [0, 3]])
    values, inverse, counts = torch.unique(x, dim=0, return_inverse=True, return_counts=True)
    assert values.tolist() == [[0, 3], [1, 2]]
    assert (inverse.tolist(), counts.tolist()) == ([1, 1, 0], [1, 2])


def test_runs_of_equal_elements():
    x = torch.tensor([1, 1, 2, 1])
    values, inverse, counts = torch.unique_consecutive(x, return_inverse=True, return_counts=True)
    assert values.tolist() == [1, 2, 1]
    assert (inverse.tolist(), counts.tolist()) == ([0, 0, 1, 2], [2, 1, 1])


def test_histograms_count_the_right_edge_in():
    x = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0, nan])
    assert torch.histc(x[:5], 4).tolist() == [1, 1, 1, 2]
    hist, edges = torch.histogram(x[:5], torch.tensor([0.0, 2.0, 4.0]))
    assert hist.tolist() == [2, 3]
    assert torch.histogram(x[:5], 4, range=(0.0, 8.0)).hist.tolist() == [2, 2, 1, 0]


def test_quantiles_interpolate():
    x = torch.tensor([3.0, 1.0, 2.0, 5.0])
    q = torch.tensor([0.25, 0.5])
    wanted = {
        "linear": [1.75, 2.5],
        "lower": [1, 2],
        "higher": [2, 3],
        "midpoint": [1.5, 2.5],
        "nearest": [2, 3],
    }
    for interpolation, values in wanted.items():
        assert torch.quantile(x, q, interpolation=interpolation).tolist() == values
    assert torch.quantile(torch.ones(2, 3), q, dim=1, keepdim=True).shape == (2, 2, 1)
    with pytest.raises(RuntimeError, match="q values must be in the range"):
        torch.quantile(x, torch.tensor([1.5]))


def test_searching_by_numbers_and_rows():
    edges = torch.tensor([1.0, 3.0, 5.0])
    assert torch.searchsorted(edges, 3.0).item() == 1
    assert torch.searchsorted(edges, 3.0, right=True).item() == 2
    assert torch.bucketize(torch.tensor([0.0, 5.0]), edges).tolist() == [0, 2]
    with pytest.raises(RuntimeError, match="boundaries tensor should be 1 dimension"):
        torch.searchsorted(torch.ones(2, 3), edges)


def test_isin_with_numbers_and_nothing():
    x = torch.tensor([1, 2, 3])
    assert torch.isin(x, 2).tolist() == [False, True, False]
    assert torch.isin(x, torch.tensor([3, 1]), invert=True).tolist() == [False, True, False]
    assert torch.isin(x, torch.tensor([], dtype=torch.int64)).tolist() == [False] * 3
    assert torch.isin(2, x).item() is True
    nan = torch.tensor([float("nan"), 1.0])
    assert torch.isin(nan, torch.tensor([]), invert=True).tolist() == [True] * 2


def test_slopes_of_samples_at_uneven_places():
    y, places = torch.arange(5.0) ** 2, torch.tensor([0.0, 1.0, 3.0, 4.0, 8.0])
    (found,) = torch.gradient(y, spacing=(places,))
    assert found.tolist() == pytest.approx([1, 1.16667, 3.83333, 4.35, 1.75], abs=1e-4)
    (found,) = torch.gradient(y, edge_order=2)
    assert found.tolist() == [0, 2, 4, 6, 8]


def test_covariance_with_weights():
    x = torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
    assert torch.cov(x).tolist() == [[1, -1], [-1, 1]]
    repeated = torch.cov(x, fweights=torch.tensor([1, 2, 1]))
    again = torch.cov(x[:, [0, 1, 1, 2]])
    assert np.allclose(repeated.numpy(), again.numpy())
    wanted = np.cov(x.numpy(), aweights=[1.0, 2.0, 3.0])
    assert np.allclose(torch.cov(x, aweights=torch.tensor([1.0, 2.0, 3.0])).numpy(), wanted)


def test_rows_named_from_both_ends_are_added_up():
    x = torch.zeros(9, 20)
    x.index_put_((torch.tensor([8, -1, 2, 2]),), torch.ones(4, 20), accumulate=True)
    assert x[8].unique().tolist() == [2.0] and x[2].unique().tolist() == [2.0]
