"""Calls of nn.functional (name, arguments, keywords) for tests that run them all."""

from typing import Any

import numpy as np


class Draw:
    """Arrays from one seed; floats are float64 so that differences show slopes."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def __call__(self, *shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
        return self.rng.uniform(low, high, shape)

    def ints(self, *shape: int, low: int, high: int) -> np.ndarray:
        return self.rng.integers(low, high, shape, np.int64)

    def signs(self, *shape: int) -> np.ndarray:
        return self.rng.choice([-1.0, 1.0], shape)

    def bools(self, *shape: int) -> np.ndarray:
        return self.rng.random(shape) < 0.7


class Fixed:
    """An array that wants no gradient."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array


Case = tuple[str, tuple, dict[str, Any]]


def cases() -> list[Case]:
    """All calls; arrays of floats are differentiated unless they are Fixed."""
    made: list[Case] = []
    for family in (
        _activations,
        _losses,
        _class_losses,
        _norms,
        _convolutions,
        _pools,
        _images,
        _tables,
        _others,
    ):
        made += family(Draw(sum(map(ord, family.__name__))))
    return made


def _activations(d: Draw) -> list[Case]:
    plain = "relu relu6 selu silu mish softsign tanhshrink hardsigmoid hardswish"
    plain += " logsigmoid sigmoid tanh gelu elu celu leaky_relu hardtanh"
    plain += " softplus hardshrink softshrink rrelu"
    made: list[Case] = [(name, (d(3, 4, low=-5, high=5),), {}) for name in plain.split()]
    return made + [
        ("gelu", (d(3, 4),), {"approximate": "tanh"}),
        ("elu", (d(3, 4),), {"alpha": 0.5}),
        ("celu", (d(3, 4),), {"alpha": 0.5}),
        ("leaky_relu", (d(3, 4),), {"negative_slope": 0.3}),
        ("hardtanh", (d(3, 4),), {"min_val": -0.5, "max_val": 0.75}),
        ("softplus", (d(3, 4),), {"beta": 3.0, "threshold": 2.0}),
        ("threshold", (d(3, 4), 0.1, 20.0), {}),
        ("hardshrink", (d(3, 4),), {"lambd": 0.9}),
        ("softshrink", (d(3, 4),), {"lambd": 0.9}),
        ("prelu", (d(3, 4), d(1)), {}),
        ("prelu", (d(2, 4, 3), d(4)), {}),
        ("glu", (d(3, 4),), {}),
        ("glu", (d(4, 3),), {"dim": 0}),
        ("softmax", (d(3, 4),), {"dim": 1}),
        ("softmax", (d(2, 3, 4),), {"dim": 1}),
        ("softmin", (d(3, 4),), {"dim": 0}),
        ("log_softmax", (d(3, 4),), {"dim": -1}),
    ]


def _losses(d: Draw) -> list[Case]:
    made: list[Case] = []
    for reduction in ("mean", "sum", "none"):
        r = {"reduction": reduction}
        unit = {"low": 0.1, "high": 0.9}
        made += [
            ("mse_loss", (d(3, 4), d(3, 4)), r),
            ("l1_loss", (d(3, 4), d(3, 4)), r),
            ("smooth_l1_loss", (d(3, 4), d(3, 4)), {**r, "beta": 0.7}),
            ("huber_loss", (d(3, 4), d(3, 4)), {**r, "delta": 0.7}),
            ("binary_cross_entropy", (d(3, 4, **unit), d(3, 4, **unit)), r),
            ("binary_cross_entropy", (d(3, 4, **unit), d(3, 4, **unit), Fixed(d(4, **unit))), r),
            ("binary_cross_entropy_with_logits", (d(3, 4), d(3, 4, **unit)), r),
            (
                "binary_cross_entropy_with_logits",
                (d(3, 4), d(3, 4, **unit)),
                {**r, "weight": Fixed(d(3, 4, **unit)), "pos_weight": Fixed(d(4, **unit))},
            ),
            ("poisson_nll_loss", (d(3, 4), Fixed(d(3, 4, low=0, high=5))), {**r, "full": True}),
            ("poisson_nll_loss", (d(3, 4, low=0.5), d(3, 4, low=0.5)), {**r, "log_input": False}),
            ("gaussian_nll_loss", (d(3, 4), d(3, 4), d(3, 4, low=0.5)), {**r, "full": True}),
            ("gaussian_nll_loss", (d(3, 4), d(3, 4), d(3, 1, low=0.5)), r),
            ("soft_margin_loss", (d(3, 4), Fixed(d.signs(3, 4))), r),
            ("multilabel_soft_margin_loss", (d(3, 4), Fixed(d(3, 4, **unit))), r),
            ("hinge_embedding_loss", (d(3, 4), Fixed(d.signs(3, 4))), r),
            ("margin_ranking_loss", (d(5), d(5), Fixed(d.signs(5))), {**r, "margin": 0.3}),
            ("cosine_embedding_loss", (d(3, 4), d(3, 4), Fixed(d.signs(3))), {**r, "margin": 0.1}),
            ("triplet_margin_loss", (d(3, 4), d(3, 4), d(3, 4)), r),
            ("triplet_margin_loss", (d(3, 4), d(3, 4), d(3, 4)), {**r, "p": 3, "swap": True}),
            ("triplet_margin_with_distance_loss", (d(3, 4), d(3, 4), d(3, 4)), r),
        ]
    made += [
        ("kl_div", (d(3, 4), d(3, 4, low=0.1)), {"reduction": "batchmean"}),
        ("kl_div", (d(3, 4), d(3, 4)), {"reduction": "sum", "log_target": True}),
        ("smooth_l1_loss", (d(3, 4), d(3, 4)), {"beta": 0.0}),
        ("mse_loss", (d(3, 4), d(3, 4)), {"weight": Fixed(d(3, 4, low=0.5))}),
        ("l1_loss", (d(3, 4), d(3, 4)), {"weight": Fixed(d(3, 4, low=0.5)), "reduction": "sum"}),
        ("huber_loss", (d(3, 4), d(3, 4)), {"weight": Fixed(d(3, 4, low=0.5))}),
    ]
    return made


def _class_losses(d: Draw) -> list[Case]:
    made: list[Case] = []
    for reduction in ("mean", "sum", "none"):
        r = {"reduction": reduction}
        row, image = d.ints(4, low=0, high=3), d.ints(2, 3, 2, low=0, high=3)
        weight = Fixed(d(3, low=0.5))
        for name in ("nll_loss", "cross_entropy"):
            made += [
                (name, (d(4, 3), row), r),
                (name, (d(4, 3), row), {**r, "weight": weight}),
                (name, (d(4, 3), row), {**r, "ignore_index": int(row[0]), "weight": weight}),
                (name, (d(3), np.array(1)), r),
                (name, (d(2, 3, 3, 2), image), {**r, "weight": weight}),
                (name, (d(2, 3, 3), image[..., 0].copy()), r),
                (name, (d(2, 3, 3, 2, 1), image[..., None].copy()), r),
            ]
        for smoothing in (0.0, 0.2):
            s = {**r, "label_smoothing": smoothing}
            made += [
                ("cross_entropy", (d(4, 3), d(4, 3, low=0.1)), {**s, "weight": weight}),
                ("cross_entropy", (d(2, 3, 4), d(2, 3, 4, low=0.1)), s),
                ("cross_entropy", (d(4, 3), row), {**s, "weight": weight, "ignore_index": 1}),
                ("cross_entropy", (d(2, 3, 3, 2), image), s),
            ]
        made += [
            ("multi_margin_loss", (d(4, 3), row), r),
            ("multi_margin_loss", (d(4, 3), row), {**r, "p": 2, "margin": 0.7, "weight": weight}),
            ("multi_margin_loss", (d(3), np.array(2)), r),
            ("multilabel_margin_loss", (d(2, 4), np.array([[3, 0, -1, 1], [1, -1, -1, 0]])), r),
            ("multilabel_margin_loss", (d(4), np.array([3, 0, -1, 1])), r),
        ]
    return made


def _norms(d: Draw) -> list[Case]:
    mean, var = Fixed(d(3)), Fixed(d(3, low=0.5))
    made: list[Case] = []
    for shape in ((4, 3), (2, 3, 5), (2, 3, 4, 2)):
        made += [
            ("batch_norm", (d(*shape), None, None), {"training": True}),
            ("batch_norm", (d(*shape), mean, var, d(3), d(3)), {"training": True, "momentum": 0.3}),
            ("batch_norm", (d(*shape), mean, var, d(3), d(3)), {"eps": 0.1}),
            ("batch_norm", (d(*shape), mean, var), {}),
        ]
    return made + [
        ("layer_norm", (d(3, 4), (4,)), {}),
        ("layer_norm", (d(2, 3, 4), [3, 4], d(3, 4), d(3, 4)), {"eps": 0.1}),
        ("group_norm", (d(2, 4, 3), 2), {}),
        ("group_norm", (d(2, 4, 3, 2), 2, d(4), d(4)), {"eps": 0.1}),
        ("instance_norm", (d(2, 3, 5),), {}),
        ("instance_norm", (d(2, 3, 4, 2), Fixed(d(3)), Fixed(d(3, low=0.5)), d(3), d(3)), {}),
        (
            "instance_norm",
            (d(2, 3, 4), Fixed(d(3)), Fixed(d(3, low=0.5))),
            {"use_input_stats": False},
        ),
        ("rms_norm", (d(3, 4), (4,)), {}),
        ("rms_norm", (d(2, 3, 4), (3, 4), d(3, 4)), {"eps": 0.1}),
        ("local_response_norm", (d(2, 5, 3), 3), {"alpha": 0.3}),
        ("local_response_norm", (d(1, 4, 2, 3), 2), {"alpha": 0.3, "k": 2.0}),
        ("normalize", (d(3, 4),), {}),
        ("normalize", (d(2, 3, 4),), {"p": 1.0, "dim": -1}),
    ]


def _convolutions(d: Draw) -> list[Case]:
    return [
        ("conv1d", (d(2, 3, 7), d(4, 3, 3), d(4)), {}),
        ("conv1d", (d(3, 7), d(4, 3, 3), d(4)), {"stride": 2, "padding": 1}),
        ("conv1d", (d(2, 4, 9), d(4, 2, 3)), {"groups": 2, "dilation": 2}),
        ("conv1d", (d(2, 3, 7), d(4, 3, 4)), {"padding": "same"}),
        ("conv2d", (d(2, 3, 6, 5), d(4, 3, 3, 3), d(4)), {}),
        ("conv2d", (d(2, 3, 6, 5), d(4, 3, 3, 2), d(4)), {"stride": (2, 1), "padding": (1, 0)}),
        ("conv2d", (d(2, 4, 6, 7), d(4, 1, 3, 3)), {"groups": 4, "padding": 2, "dilation": 2}),
        ("conv2d", (d(2, 3, 5, 4), d(4, 3, 2, 3)), {"padding": "same", "dilation": (1, 2)}),
        ("conv2d", (d(2, 3, 5, 4), d(4, 3, 2, 3)), {"padding": "valid"}),
        ("conv2d", (d(3, 5, 4), d(4, 3, 1, 1), d(4)), {}),
        ("conv2d", (d(2, 3, 5, 4), d(4, 3, 1, 1)), {"stride": 2}),
        ("conv3d", (d(1, 2, 4, 3, 5), d(2, 2, 2, 2, 3), d(2)), {}),
        ("conv3d", (d(1, 2, 4, 3, 5), d(2, 1, 2, 2, 3)), {"stride": 2, "padding": 1, "groups": 2}),
        ("conv_transpose1d", (d(2, 3, 4), d(3, 2, 3), d(2)), {}),
        (
            "conv_transpose1d",
            (d(3, 4), d(3, 2, 3)),
            {"stride": 2, "padding": 1, "output_padding": 1},
        ),
        ("conv_transpose2d", (d(2, 3, 4, 3), d(3, 2, 3, 2), d(2)), {}),
        (
            "conv_transpose2d",
            (d(2, 4, 3, 4), d(4, 1, 3, 2), d(2)),
            {"stride": (2, 3), "padding": 1, "output_padding": 1, "groups": 2, "dilation": (1, 2)},
        ),
        ("conv_transpose3d", (d(1, 2, 3, 2, 2), d(2, 2, 2, 2, 2)), {"stride": 2}),
        ("unfold", (d(2, 3, 5, 4), (2, 3)), {}),
        ("unfold", (d(3, 5, 6), 2), {"dilation": 2, "padding": 1, "stride": (1, 2)}),
        ("fold", (d(2, 8, 9), (4, 4), 2), {}),
        ("fold", (d(8, 6), (5, 6), (2, 2)), {"stride": 2, "padding": (0, 0)}),
    ]


def _pools(d: Draw) -> list[Case]:
    made: list[Case] = []
    for axes, shape in ((1, (2, 3, 9)), (2, (2, 3, 7, 8)), (3, (1, 2, 5, 6, 7))):
        for kind in ("max", "avg"):
            name = f"{kind}_pool{axes}d"
            made += [
                (name, (d(*shape), 2), {}),
                (name, (d(*shape[1:]), 2), {}),
                (name, (d(*shape), 3), {"stride": 2, "padding": 1}),
                (name, (d(*shape), 3), {"stride": 2, "ceil_mode": True}),
                (name, (d(*shape), 2), {"stride": 3, "padding": 1, "ceil_mode": True}),
            ]
        made += [
            (f"max_pool{axes}d", (d(*shape), 2), {"dilation": 2, "stride": 1}),
            (f"max_pool{axes}d", (d(*shape), 3), {"padding": 1, "return_indices": True}),
            (
                f"max_pool{axes}d",
                (d(*shape), 2),
                {"ceil_mode": True, "stride": 3, "return_indices": True},
            ),
            (
                f"avg_pool{axes}d",
                (d(*shape), 3),
                {"stride": 2, "padding": 1, "count_include_pad": False},
            ),
            (f"lp_pool{axes}d", (d(*shape, low=0.5), 3.0, 2), {}),
        ]
        for size in (1, 2, 3):
            made += [
                (f"adaptive_avg_pool{axes}d", (d(*shape), size), {}),
                (f"adaptive_max_pool{axes}d", (d(*shape), size), {}),
                (f"adaptive_max_pool{axes}d", (d(*shape[1:]), size), {"return_indices": True}),
            ]
    return made + [
        ("avg_pool2d", (d(2, 3, 7, 8), (2, 3)), {"divisor_override": 5}),
        (
            "avg_pool2d",
            (d(2, 3, 7, 8), 3),
            {"padding": 1, "ceil_mode": True, "count_include_pad": False},
        ),
        ("adaptive_avg_pool2d", (d(2, 3, 7, 8), (None, 3)), {}),
        ("max_pool2d", (Fixed(np.zeros((1, 1, 4, 4))), 2), {"return_indices": True}),
        ("max_unpool1d", (d(1, 2, 3), np.array([[[0, 3, 5], [1, 2, 4]]]), 2), {}),
        ("max_unpool2d", (d(1, 1, 2, 2), np.array([[[[0, 3], [10, 15]]]]), 2), {}),
        (
            "max_unpool2d",
            (d(1, 1, 2, 2), np.array([[[[0, 3], [11, 19]]]]), 2),
            {"output_size": (4, 5)},
        ),
        ("max_unpool3d", (d(1, 1, 1, 1, 2), np.array([[[[[0, 10]]]]]), 2), {}),
    ]


def _images(d: Draw) -> list[Case]:
    sequence, image, volume = (2, 3, 5), (2, 3, 5, 4), (1, 2, 3, 4, 3)
    made: list[Case] = []
    for shape, linear in ((sequence, "linear"), (image, "bilinear"), (volume, "trilinear")):
        axes = len(shape) - 2
        size = (7, 3, 5)[:axes]
        for mode in ("nearest", "nearest-exact", "area"):
            made += [
                ("interpolate", (d(*shape),), {"size": size, "mode": mode}),
                ("interpolate", (d(*shape),), {"scale_factor": 2, "mode": mode}),
                ("interpolate", (d(*shape),), {"scale_factor": 0.6, "mode": mode}),
            ]
        for mode in (linear, "bicubic") if axes == 2 else (linear,):
            for align in (False, True):
                a = {"mode": mode, "align_corners": align}
                made += [
                    ("interpolate", (d(*shape),), {"size": size, **a}),
                    ("interpolate", (d(*shape),), {"scale_factor": 1.7, **a}),
                    (
                        "interpolate",
                        (d(*shape),),
                        {"scale_factor": 0.6, "recompute_scale_factor": True, **a},
                    ),
                    ("interpolate", (d(*shape),), {"size": 1, **a}),
                ]
    for mode in ("bilinear", "bicubic"):
        for size in ((3, 2), (8, 6), (2, 6)):
            made.append(
                ("interpolate", (d(*image),), {"size": size, "mode": mode, "antialias": True})
            )
    for align in (False, True):
        for padding in ("zeros", "border", "reflection"):
            g = {"padding_mode": padding, "align_corners": align}
            for mode in ("bilinear", "nearest", "bicubic"):
                where = d(2, 3, 2, 2, low=-1.6, high=1.6)
                grid = Fixed(where) if mode == "nearest" else where
                made.append(("grid_sample", (d(*image), grid), {**g, "mode": mode}))
            made.append(("grid_sample", (d(*volume), d(1, 2, 2, 3, 3, low=-1.4, high=1.4)), g))
        made += [
            ("affine_grid", (d(2, 2, 3), [2, 3, 4, 5]), {"align_corners": align}),
            ("affine_grid", (d(2, 3, 4), [2, 3, 4, 2, 3]), {"align_corners": align}),
        ]
    made += [
        ("pixel_shuffle", (d(2, 8, 3, 2), 2), {}),
        ("pixel_unshuffle", (d(2, 3, 4, 6), 2), {}),
        ("channel_shuffle", (d(2, 6, 3, 2), 3), {}),
        ("pad", (d(2, 3), (1, 2)), {}),
        ("pad", (d(2, 3, 4), (1, -2, 0, 3)), {"value": 2.5}),
        ("pad", (d(2, 3, 4), (0, 0, 0, 0, 1, 1)), {}),
    ]
    for mode in ("reflect", "replicate", "circular"):
        made += [
            ("pad", (d(2, 3, 5), (2, 1)), {"mode": mode}),
            ("pad", (d(3, 5), (2, 0)), {"mode": mode}),
            ("pad", (d(2, 3, 4, 5), (2, 1, 0, 3)), {"mode": mode}),
            ("pad", (d(1, 2, 3, 4, 5), (2, 1, 0, 3, 1, 1)), {"mode": mode}),
        ]
    return made


def _tables(d: Draw) -> list[Case]:
    bag = np.array([1, 2, 4, 5, 4, 3])
    return [
        ("embedding", (d.ints(4, low=0, high=5), d(5, 3)), {}),
        ("embedding", (d.ints(2, 3, low=0, high=5), d(5, 3)), {"padding_idx": -2}),
        ("embedding", (np.array([1, 1, 2, 1]), d(5, 3)), {"scale_grad_by_freq": True}),
        ("embedding_bag", (bag.reshape(2, 3), d(6, 3)), {}),
        ("embedding_bag", (bag, d(6, 3), np.array([0, 4])), {"mode": "sum"}),
        ("embedding_bag", (bag, d(6, 3), np.array([0, 4, 4])), {"mode": "mean", "padding_idx": 4}),
        ("embedding_bag", (bag, d(6, 3), np.array([0, 3])), {"mode": "max"}),
        (
            "embedding_bag",
            (bag, d(6, 3), np.array([0, 3, 6])),
            {"mode": "sum", "include_last_offset": True},
        ),
        (
            "embedding_bag",
            (bag, d(6, 3), np.array([0, 2])),
            {"mode": "sum", "per_sample_weights": d(6)},
        ),
        ("one_hot", (np.array([[0, 2], [1, 0]]),), {}),
        ("one_hot", (np.array([0, 2, 1]), 5), {}),
    ]


def _others(d: Draw) -> list[Case]:
    q, k, v = (2, 2, 3, 4), (2, 2, 5, 4), (2, 2, 5, 3)
    return [
        ("pairwise_distance", (d(3, 4), d(3, 4)), {}),
        ("pairwise_distance", (d(3, 4), d(4)), {"p": 1.0, "keepdim": True}),
        ("cosine_similarity", (d(3, 4), d(3, 4)), {}),
        ("cosine_similarity", (d(2, 3, 4), d(3, 4)), {"dim": -1}),
        ("pdist", (d(4, 3),), {}),
        ("linear", (d(2, 3, 4), d(5, 4), d(5)), {}),
        ("bilinear", (d(3, 4), d(3, 2), d(5, 4, 2), d(5)), {}),
        ("scaled_dot_product_attention", (d(*q), d(*k), d(*v)), {}),
        ("scaled_dot_product_attention", (d(3, 4), d(5, 4), d(5, 2)), {"scale": 0.3}),
        ("scaled_dot_product_attention", (d(*q), d(*q), d(*q)), {"is_causal": True}),
        ("scaled_dot_product_attention", (d(*q), d(*k), d(*v)), {"attn_mask": Fixed(d(3, 5))}),
        ("scaled_dot_product_attention", (d(*q), d(*k), d(*v)), {"attn_mask": d.bools(2, 1, 3, 5)}),
        (
            "scaled_dot_product_attention",
            (d(1, 4, 3, 4), d(1, 2, 3, 4), d(1, 2, 3, 4)),
            {"enable_gqa": True, "is_causal": True},
        ),
    ]
