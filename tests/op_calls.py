"""Calls for ops that op_cases.py leaves out: parts, and ops of tensors that depend on others."""

from collections.abc import Callable, Iterator
from typing import Any

import rushlight
from rushlight._ops.views import diagonal, strided_view

Calls = Callable[[Any], Iterator[tuple[tuple, dict[str, Any]]]]
ROWS, EDGE = (slice(1, 3),), (slice(None), slice(0, 2))


def call(*args: Any, **kwargs: Any) -> tuple[tuple, dict[str, Any]]:
    """A call as samples give it."""
    return args, kwargs


def factored(draw: Any) -> tuple:
    """L and U packed, and pivots, of a matrix far from singular."""
    return tuple(rushlight.linalg.lu_factor(draw.regular(3)))


def lines(*made: Callable[[Any], tuple[tuple, dict[str, Any]]]) -> Calls:
    """The calls that each function draws."""

    def drawn(draw: Any) -> Iterator[tuple[tuple, dict[str, Any]]]:
        for one in made:
            yield one(draw)

    return drawn


WHOLE = lines(lambda d: call(d(3, 4)), lambda d: call(d()))
ALONG = lines(lambda d: call(d(3, 4), dim=1), lambda d: call(d(2, 3, 4), dim=(0, 2), keepdim=True))
ONE_DIM = lines(lambda d: call(d(3, 4), dim=1), lambda d: call(d(3, 4), dim=0, keepdim=True))
MOMENTS = lines(
    lambda d: call(d(3, 4)),
    lambda d: call(d(3, 4), dim=1, correction=0, keepdim=True),
    lambda d: call(d(2, 3, 4), dim=(0, 2), correction=2),
)
MATRIX = lines(lambda d: call(d.regular(3)), lambda d: call(d.regular(2, 3)))
PART = lines(lambda d: call(d(4, 3), key=ROWS), lambda d: call(d(4, 3), key=(..., slice(0, 3, 2))))
PARTS = lines(lambda d: call(d(4, 3), keys=(EDGE, (slice(None), slice(2, 3)))))
PADS = {
    1: lines(lambda d: call(d(2, 4), pad=(1, 2)), lambda d: call(d(2, 4), pad=(3, -1))),
    2: lines(lambda d: call(d(1, 3, 4), pad=(1, 2, 2, 0))),
    3: lines(lambda d: call(d(1, 3, 2, 4), pad=(1, 2, 1, 0, 0, 2))),
}
SETS = lines(lambda d: call(d(3, 4), d.distinct(3, 2, below=4), d(3, 2), dim=1))
SLICES = lines(lambda d: call(d(3, 4), d.distinct(2, below=3), d(2, 4), dim=0))
QUANTILES = lines(
    lambda d: call(d(3, 4), d(low=0, high=1), dim=1),
    lambda d: call(d(3, 4), d(3, low=0, high=1), dim=0, keepdim=True, interpolation="midpoint"),
    lambda d: call(d(3, 4), d(2, low=0, high=1), interpolation="nearest"),
)


def linear(batched: bool, bias: bool) -> Calls:
    """A call of one of the four ops that `linear` chooses from."""
    shape = (2, 3, 4) if batched else (3, 4)
    return lines(lambda d: call(d(*shape), d(5, 4), *([d(5)] if bias else [])))


def near(draw: Any) -> Iterator[tuple[tuple, dict[str, Any]]]:
    """Pairs that are close, or not."""
    x = draw(3, 4)
    yield call(x, x + draw(3, 4) * 1e-5)
    yield call(x, x + 0.01, atol=0.02)
    yield call(x, x + 0.01, rtol=0.0, atol=0.001)
    yield call(draw.ints(4, low=1, high=9), draw.ints(4, low=1, high=9), rtol=0.5)
    broken = draw(3, 4) / draw.ints(3, 4, low=0, high=2)
    yield call(broken, broken, equal_nan=True)


def alike(draw: Any) -> Iterator[tuple[tuple, dict[str, Any]]]:
    """Pairs that are equal, or not."""
    x = draw(3, 4)
    yield call(x, x)
    yield call(x, x + 1)
    yield call(x, draw(4))


def edges(draw: Any) -> Iterator[tuple[tuple, dict[str, Any]]]:
    """Sorted numbers, and some to find a place for."""
    sorted_ones = draw.ints(6, low=0, high=9).sort()[0]
    yield call(sorted_ones, draw.ints(2, 3, low=-1, high=11))
    yield call(sorted_ones, draw.ints(4, low=-1, high=11), right=True, out_int32=True)
    rows = draw.ints(2, 5, low=0, high=9).sort()[0]
    yield call(rows, draw.ints(2, 3, low=0, high=9), side="right")


def spectrum(draw: Any) -> Iterator[tuple[tuple, dict[str, Any]]]:
    """Frames of 16 points under a window."""
    window = draw(16, low=1, high=2)
    yield call(draw(9, 7, dtype="complex"), 16, window=window)
    yield call(draw(2, 9, 7, dtype="complex"), 16, window=window, length=30, hop_length=4)


cholesky = rushlight.linalg.cholesky
REDRAWN = lines(lambda d: call(d(3, 4), values=d(3, 4).array))

# the name that test ids show -> calls
CALLS: dict[str, Calls] = {
    # copies and views
    "clone_in_order": WHOLE,
    "identity": WHOLE,
    "move_memory": WHOLE,
    "detach": WHOLE,
    "resolve_conj": WHOLE,
    "resolve_neg": WHOLE,
    "ravel": WHOLE,
    "copied": lines(lambda d: call(d(3, 4), d(4)), lambda d: call(d(2), d())),
    "casts.put.0": lines(lambda d: call(d(3, 4), d(3), through=diagonal.op, params={"offset": 1})),
    "put_in_memory": lines(
        lambda d: call(
            d(3, 4),
            d(2, 3),
            through=strided_view.op,
            params={"size": (2, 3), "stride": (5, 1), "storage_offset": 1},
        )
    ),
    "bitcast": lines(lambda d: call(d(3, 4), dtype=d.int64)),
    "filled_like": lines(
        lambda d: call(d(3, 4), value=2.5), lambda d: call(d(3, 4), value=1, dtype=d.int64)
    ),
    "sliced": PART,
    "slicing.picked.0": lines(lambda d: call(d(4, 3), key=(slice(None), -1))),
    "widened": lines(lambda d: call(d(4, 3), key=(slice(None), None))),
    "aliased": lines(lambda d: call(d(4, 3), key=(...,))),
    "write": lines(
        lambda d: call(d(4, 3), d(2, 3), key=ROWS), lambda d: call(d(4, 3), d(2), key=EDGE)
    ),
    "squeeze_dims": lines(
        lambda d: call(d(2, 1, 3, 1), dim=1), lambda d: call(d(2, 1, 3, 1), dim=(0, -1))
    ),
    "squeeze_all": lines(lambda d: call(d(2, 1, 3, 1)), lambda d: call(d(1, 1))),
    "set_diagonal": lines(
        lambda d: call(d(3, 4), d(3)),
        lambda d: call(d(2, 3, 4), d(3, 2), offset=-1, dim1=2, dim2=0),
    ),
    "diagonal_scatter": lines(
        lambda d: call(d(3, 4), d(3)), lambda d: call(d(2, 3, 4), d(3, 2), -1, 2, 0)
    ),
    "select_scatter": lines(
        lambda d: call(d(3, 4), d(3), 1, 2), lambda d: call(d(3, 4), d(4), 0, -1)
    ),
    "slice_scatter": lines(
        lambda d: call(d(5, 3), d(2, 3), 0, 1, 5, 3), lambda d: call(d(3, 4), d(3, 2), 1, 2)
    ),
    "unflatten": lines(
        lambda d: call(d(6, 2), 0, (2, 3)), lambda d: call(d(2, 12), -1, (2, -1, 3))
    ),
    "broadcast_to": lines(lambda d: call(d(3, 1), (2, 3, 4)), lambda d: call(d(), (2, 3))),
    "broadcast_tensors": lines(lambda d: call(d(3, 1), d(4), d(2, 1, 1))),
    "unfold": lines(lambda d: call(d(2, 7), 1, 3, 2), lambda d: call(d(6, 2), 0, 2, 3)),
    "strided_view": lines(
        lambda d: call(d(3, 4), size=(2, 3), stride=(5, 1)),
        lambda d: call(d(3, 4), size=(3, 3), stride=(1, 1), storage_offset=2),
    ),
    "as_strided": lines(lambda d: call(d(3, 4), (3, 3), (1, 1), 2)),
    "as_strided_scatter": lines(lambda d: call(d(3, 4), d(2, 3), (2, 3), (5, 1), 1)),
    "unstrided": lines(lambda d: call(d(3, 3), d(3, 4), size=(3, 3), stride=(1, 1), offset=2)),
    "write_strided": lines(lambda d: call(d(3, 4), d(2, 3), size=(2, 3), stride=(5, 1), offset=1)),
    "pad_word": lines(lambda d: call(d(2, 3), widths=((1, 0), (2, 1)), value=1.5)),
    **{f"replication_pad{n}d": calls for n, calls in PADS.items()},
    "reflection_pad1d": PADS[1],
    "reflection_pad3d": lines(lambda d: call(d(1, 3, 2, 4), pad=(1, 2, 1, 0, 0, 2))),
    "movedim": lines(lambda d: call(d(2, 3, 4), 0, -1), lambda d: call(d(2, 3, 4), (0, 1), (2, 0))),
    # overwritten by draws
    **dict.fromkeys(
        "uniform normal exponential cauchy log_normal geometric sampling.bernoulli.0 "
        "sampling.bernoulli.1 sampling.random.0 sampling.random.1 sampling.random.2 _drawn_about "
        "_coins".split(),
        REDRAWN,
    ),
    # joining, splitting, repeating
    "tensor_split": lines(lambda d: call(d(7, 2), 3), lambda d: call(d(7, 2), (1, 4))),
    "roll": lines(lambda d: call(d(3, 4), 1), lambda d: call(d(3, 4), (1, -2), (0, 1))),
    "rot90": lines(lambda d: call(d(3, 4)), lambda d: call(d(2, 3, 4), 3, (1, 2))),
    "tile": lines(*(lambda d, n=n: call(d(2, 3), n) for n in ((2, 2), (2, 1, 2), (2,)))),
    "rearranging.flip.1": lines(lambda d: call(d(2, 3, 4), (0, 2)), lambda d: call(d(3), (0,))),
    "joined": lines(
        lambda d: call([d(2, 3), d(1, 3)], dim=0), lambda d: call([d(2, 1), d(2, 2)], dim=1)
    ),
    "stacked": lines(lambda d: call([d(2, 3), d(2, 3)], dim=1)),
    "split_parts": PARTS,
    "split_with_sizes_parts": PARTS,
    "unbind_parts": lines(lambda d: call(d(2, 3), keys=((0,), (1,)))),
    "split_with_sizes": lines(
        lambda d: call(d(5, 3), [1, 4]), lambda d: call(d(2, 5), [2, 0, 3], 1)
    ),
    "rearranging.flip.0": lines(lambda d: call(d(2, 3, 4), dims=(0, 2))),
    "rearranging.repeat.0": lines(lambda d: call(d(2, 3), repeats=(2, 1, 3))),
    "rearranging.repeat.1": lines(
        lambda d: call(d(2, 3), 2, 1, 3), lambda d: call(d(2, 3), (0, 2))
    ),
    "fliplr": lines(lambda d: call(d(2, 3))),
    "flipud": lines(lambda d: call(d(2, 3))),
    "diagflat": lines(lambda d: call(d(2, 2)), lambda d: call(d(3), -1)),
    # places
    "index": lines(
        lambda d: call(d(3, 4), [None, d.ints(5, low=-4, high=4)]),
        lambda d: call(d(3, 4), [d.ints(2, 1, low=0, high=3), d.ints(3, low=0, high=4)]),
    ),
    "index_put": lines(
        lambda d: call(d(3, 4), (d.distinct(2, below=3),), d(2, 4)),
        lambda d: call(d(3, 4), (d.ints(5, low=0, high=3), d.ints(5, low=0, high=4)), d(5), True),
    ),
    "masked_select": lines(lambda d: call(d(3, 4), d.bools(3, 4))),
    "nonzero": lines(
        lambda d: call(d.ints(3, 4, low=0, high=2)),
        lambda d: call(d.ints(3, 4, low=0, high=2), as_tuple=True),
    ),
    "unravel_index": lines(lambda d: call(d.ints(2, 3, low=0, high=12), (3, 4))),
    "gathering.index_select.0": lines(lambda d: call(d(3, 4), d.ints(5, low=0, high=4), dim=1)),
    "gathering.gather.0": lines(lambda d: call(d(3, 4), d.ints(3, 2, low=0, high=4), dim=1)),
    "scattered": SETS,
    "scatter_added": lines(lambda d: call(d(3, 4), d.ints(3, 6, low=0, high=4), d(3, 6), dim=1)),
    "scatter_combined": lines(
        *(
            lambda d, mode=mode: call(d(3, 4), d.distinct(3, 2, below=4), d(3, 2), dim=1, mode=mode)
            for mode in ("mul", "max", "min")
        )
    ),
    "scatter_reduce": lines(
        *(
            lambda d, r=r, s=s: call(
                d(3, 4), 1, d.ints(3, 6, low=0, high=4), d(3, 6), r, include_self=s
            )
            for r in ("sum", "prod", "mean", "amax", "amin")
            for s in (True, False)
        )
    ),
    "index_added": lines(
        lambda d: call(d(3, 4), d.ints(5, low=0, high=3), d(5, 4), dim=0, alpha=-2)
    ),
    "index_copied": SLICES,
    "gathering.put.1": lines(
        lambda d: call(d(3, 4), d.distinct(5, below=12), d(5)),
        lambda d: call(d(3, 4), d.ints(2, 4, low=0, high=12), d(2, 4), True),
    ),
    "unpool_max3d": lines(
        lambda d: call(d(2, 2, 1, 1), d.distinct(2, 2, 1, 1, below=12, axis=1), shape=(2, 3, 2))
    ),
    # what a tensor is
    "is_complex": lines(lambda d: call(d(2)), lambda d: call(d(2, dtype="complex"))),
    "is_floating_point": lines(lambda d: call(d(2)), lambda d: call(d.ints(2))),
    "is_signed": lines(lambda d: call(d.ints(2)), lambda d: call(d.bools(2))),
    "is_conj": WHOLE,
    "is_neg": WHOLE,
    "is_nonzero": lines(lambda d: call(d()), lambda d: call(d(1) * 0)),
    "isclose": near,
    "allclose": near,
    "equal": alike,
    # reductions
    "searchsorted": edges,
    "bucketize": lines(
        lambda d: call(
            d.ints(2, 3, low=-1, high=11), d.ints(6, low=0, high=9).sort()[0], right=True
        )
    ),
    "gradient": lines(
        lambda d: call(d(4, 5)),
        lambda d: call(d(4, 5), spacing=0.5, dim=1, edge_order=2),
        lambda d: call(d(4), spacing=None, dim=None),
        lambda d: call(d(5), spacing=[d(5).cumsum(0)]),
    ),
    "histogram": lines(
        lambda d: call(d(5, 6), 4),
        lambda d: call(d(), 3),
        lambda d: call(d(5, 6), 5, range=(-1.0, 1.0), density=True),
        lambda d: call(d(4, 3), d(6).sort()[0]),
    ),
    "clamp_to_numbers": lines(
        lambda d: call(d(3, 4), min=-1, max=1), lambda d: call(d(3, 4), min=None, max=0.5)
    ),
    "_close": lines(lambda d: call(d(3, 4), d(3, 4), rtol=0.5, atol=0.2, equal_nan=False)),
    "extrema.max.0": WHOLE,
    "extrema.min.0": WHOLE,
    "reduction.sum.0": WHOLE,
    "reduction.mean.0": WHOLE,
    "reduction.prod.0": WHOLE,
    "reduction.sum.1": ALONG,
    "reduction.mean.1": ALONG,
    "reduction.prod.1": ONE_DIM,
    "statistics.var.0": MOMENTS,
    "statistics.std.0": MOMENTS,
    "statistics.var_mean.0": MOMENTS,
    "statistics.std_mean.0": MOMENTS,
    "quantiles.median.0": WHOLE,
    "quantiles.nanmedian.0": WHOLE,
    "quantiles.median.1": ONE_DIM,
    "quantiles.nanmedian.1": ONE_DIM,
    "quantiles.quantile.0": QUANTILES,
    "quantiles.nanquantile.0": QUANTILES,
    "special.polygamma.0": lines(
        lambda d: call(d(3, 4, low=0.5, high=3), n=1), lambda d: call(d(3, low=0.5, high=3), n=3)
    ),
    "pdist": lines(lambda d: call(d(4, 3)), lambda d: call(d(4, 3), 3.0)),
    "distinct": lines(
        lambda d: call(d.ints(9, low=0, high=4)), lambda d: call(d.ints(5, 2, low=0, high=2), dim=0)
    ),
    "runs": lines(
        lambda d: call(d.ints(9, low=0, high=4)), lambda d: call(d.ints(5, 2, low=0, high=2), dim=0)
    ),
    # matrices
    "matmul_batched": lines(
        lambda d: call(d(2, 3, 4), d(4, 2)), lambda d: call(d(2, 1, 3, 4), d(5, 4, 2))
    ),
    "linear_with_bias": linear(False, True),
    "linear_without_bias": linear(False, False),
    "linear_with_bias_batched": linear(True, True),
    "linear_without_bias_batched": linear(True, False),
    "chain_matmul": lines(lambda d: call(d(2, 3), d(3, 4), d(4, 2))),
    "blocks.block_diag.0": lines(lambda d: call([d(2, 3), d(3, 1)])),
    "cofactors": lines(lambda d: call(d(3, 3)), lambda d: call(d(2, 2, 2))),
    "linalg_solve_ex": lines(
        lambda d: call(d.regular(3), d(3, 2)), lambda d: call(d.regular(3), d(2, 3), left=False)
    ),
    "cholesky": lines(lambda d: call(d.definite(3)), lambda d: call(d.definite(2, 3), upper=True)),
    "qr": lines(lambda d: call(d(4, 3)), lambda d: call(d(3, 3), some=False)),
    "linalg_svd": lines(lambda d: call(d(4, 3), full_matrices=False), lambda d: call(d(2, 3, 3))),
    "svd": lines(lambda d: call(d(4, 3)), lambda d: call(d(3, 3), some=False)),
    "linalg_eigh": lines(lambda d: call(d.definite(3)), lambda d: call(d.definite(2, 3), UPLO="U")),
    "linalg_eig": lines(lambda d: call(d.definite(3)), lambda d: call(d.regular(2, 3))),
    "spectra.linalg_pinv.0": lines(
        lambda d: call(d(4, 3)), lambda d: call(d.definite(3), hermitian=True)
    ),
    "linalg_lstsq": lines(lambda d: call(d(5, 3), d(5, 2)), lambda d: call(d(5, 3), d(5))),
    "lu": MATRIX,
    "lu_unpack": lines(lambda d: call(*rushlight.linalg.lu_factor(d(3, 3)))),
    "linalg_lu_solve": lines(
        lambda d: call(*rushlight.linalg.lu_factor(d(3, 3)), d(3, 2)),
        lambda d: call(*rushlight.linalg.lu_factor(d(3, 3)), d(3, 2), adjoint=True),
        lambda d: call(*rushlight.linalg.lu_factor(d(3, 3)), d(2, 3), left=False),
    ),
    "cholesky_solve": lines(
        lambda d: call(d(3, 2), cholesky(d.definite(3))),
        lambda d: call(d(3, 2), cholesky(d.definite(3), upper=True), upper=True),
    ),
    "cholesky_inverse": lines(
        lambda d: call(cholesky(d.definite(3), upper=True), upper=True),
        lambda d: call(cholesky(d.definite(3))),
    ),
    "linalg_matrix_rank": lines(lambda d: call(d(3, 4)), lambda d: call(d(3, 1) @ d(1, 4))),
    "lu_solve": lines(lambda d: call(d(3, 2), *factored(d))),
    "order_of": lines(lambda d: call(factored(d)[1].long() - 1, rows=3)),
    # layers
    "grid_sample_of1d": lines(
        lambda d: call(d(1, 2, 4), d(1, 3, 1, low=-0.9, high=0.9), axes=(2,))
    ),
    "affine_places1d": lines(lambda d: call(d(2, 1, 2), sizes=(3,))),
    "istft": spectrum,
    "causal_scores": lines(lambda d: call(d(2, 3, 4)), lambda d: call(d(4, 3))),
    "ctc": lines(
        lambda d: call(
            d(4, 3, 3).log_softmax(-1),
            d.ints(3, 2, low=1, high=3),
            d.ints(3, low=3, high=5),
            d.ints(3, low=0, high=3),
        )
    ),
}

# ops of the memory behind a tensor, which a layout with gaps changes
OF_MEMORY = {"put_in_memory", "as_strided", "as_strided_scatter", "unstrided", "write_strided"}

# ops that no call is given for, and why
UNCALLED: dict[str, str] = {
    "take_places": "it takes a plan made by `index`, which calls it",
    "put_places": "it takes a plan made by `index_put`, which calls it",
    "_gamma_drawn": "its result is drawn at random: tests/test_random",
    "_drawn_about": "its result is drawn at random: tests/test_random",
    "_coins": "its result is drawn at random: tests/test_random",
    "kept": "its result is drawn at random: tests/test_random",
}
