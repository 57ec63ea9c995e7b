"""Layers with arguments and input shapes, for the tests that walk over all of them."""

# ruff: noqa: E501  (a table reads best with one entry a line)

import numpy as np


def _ints(*shape, high):
    return ("ints", shape, high)


def _positive(*shape):
    return ("positive", shape, None)


def _signs(*shape):
    return ("signs", shape, None)


# name, positional arguments, keyword arguments, shapes of the inputs (or how to draw them)
LAYERS = [
    ("Identity", (3,), {"x": 1}, [(2, 3)]),
    ("Linear", (3, 4), {}, [(2, 3)]),
    ("Linear", (3, 4), {"bias": False}, [(3,)]),
    ("Linear", (5, 2), {}, [(2, 3, 5)]),
    ("Bilinear", (3, 4, 5), {}, [(2, 3), (2, 4)]),
    ("Bilinear", (3, 4, 5), {"bias": False}, [(2, 3), (2, 4)]),
    ("LazyLinear", (4,), {}, [(2, 3)]),
    ("LazyLinear", (4, False), {}, [(2, 3)]),
    # convolutions
    ("Conv1d", (4, 6, 3), {}, [(2, 4, 9)]),
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}, [(2, 4, 9)]),
    ("Conv1d", (4, 6, 3), {"padding": "same", "padding_mode": "circular"}, [(2, 4, 9)]),
    ("Conv2d", (3, 4, 3), {"padding": 1}, [(2, 3, 6, 7)]),
    ("Conv2d", (3, 4, (3, 2)), {"stride": (2, 1), "bias": False}, [(2, 3, 6, 7)]),
    ("Conv2d", (3, 4, 3), {"padding": (1, 2), "padding_mode": "reflect"}, [(2, 3, 6, 7)]),
    ("Conv2d", (3, 4, 4), {"padding": "same", "padding_mode": "replicate"}, [(2, 3, 6, 7)]),
    ("Conv2d", (3, 4, 3), {"padding": "valid"}, [(3, 6, 7)]),
    ("Conv2d", (4, 4, 3), {"groups": 4, "padding": 1, "dilation": 2}, [(1, 4, 6, 6)]),
    ("Conv3d", (2, 3, 2), {"padding": 1}, [(1, 2, 4, 4, 4)]),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "output_padding": 1}, [(2, 4, 5)]),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2, "padding": 1, "groups": 2}, [(2, 4, 5, 4)]),
    ("ConvTranspose2d", (3, 2, 4), {"dilation": 2, "bias": False}, [(1, 3, 4, 4)]),
    ("ConvTranspose3d", (2, 3, 2), {"stride": 2}, [(1, 2, 3, 3, 2)]),
    ("LazyConv1d", (6, 3), {}, [(2, 4, 9)]),
    ("LazyConv2d", (6, 3, 2), {"groups": 2, "bias": False}, [(2, 4, 9, 8)]),
    ("LazyConv3d", (2, 2), {}, [(1, 2, 3, 3, 3)]),
    ("LazyConvTranspose1d", (6, 3), {}, [(2, 4, 9)]),
    ("LazyConvTranspose2d", (6, 3), {"stride": 2}, [(2, 4, 3, 4)]),
    ("LazyConvTranspose3d", (2, 2), {}, [(1, 2, 3, 3, 3)]),
    # pooling
    ("MaxPool1d", (2,), {}, [(2, 3, 8)]),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, [(2, 3, 8, 7)]),
    ("MaxPool2d", ((2, 3),), {"dilation": 2}, [(2, 3, 8, 7)]),
    ("MaxPool3d", (2,), {}, [(1, 2, 4, 4, 4)]),
    ("AvgPool1d", (2,), {"stride": 3}, [(2, 3, 8)]),
    ("AvgPool2d", (3,), {"padding": 1, "count_include_pad": False}, [(2, 3, 8, 7)]),
    ("AvgPool2d", (3, 2), {"divisor_override": 2, "ceil_mode": True}, [(2, 3, 8, 7)]),
    ("AvgPool3d", (2,), {}, [(1, 2, 4, 4, 4)]),
    ("LPPool1d", (2, 2), {}, [_positive(2, 3, 8)]),
    ("LPPool2d", (2, 2), {"stride": 2}, [_positive(2, 3, 8, 6)]),
    ("FractionalMaxPool2d", (2,), {"output_size": (4, 3)}, [(2, 3, 9, 8)]),
    ("FractionalMaxPool2d", ((2, 3),), {"output_ratio": 0.5, "return_indices": True}, [(2, 3, 9, 8)]),
    ("FractionalMaxPool3d", (2,), {"output_size": 3}, [(1, 2, 6, 5, 7)]),
    ("AdaptiveAvgPool1d", (3,), {}, [(2, 3, 8)]),
    ("AdaptiveAvgPool2d", ((2, None),), {}, [(2, 3, 8, 7)]),
    ("AdaptiveAvgPool3d", (2,), {}, [(1, 2, 4, 5, 4)]),
    ("AdaptiveMaxPool1d", (3,), {}, [(2, 3, 8)]),
    ("AdaptiveMaxPool2d", (3,), {}, [(2, 3, 8, 7)]),
    ("AdaptiveMaxPool3d", (2,), {}, [(1, 2, 4, 5, 4)]),
    # normalisation
    ("BatchNorm1d", (4,), {}, [(5, 4)]),
    ("BatchNorm1d", (4,), {"momentum": None, "bias": False}, [(5, 4, 3)]),
    ("BatchNorm2d", (4,), {"affine": False}, [(2, 4, 3, 3)]),
    ("BatchNorm2d", (4,), {"track_running_stats": False, "eps": 1e-3}, [(2, 4, 3, 3)]),
    ("BatchNorm3d", (2,), {"momentum": 0.3}, [(2, 2, 2, 3, 2)]),
    ("SyncBatchNorm", (4,), {}, [(2, 4, 3)]),
    ("LazyBatchNorm1d", (), {}, [(5, 4)]),
    ("LazyBatchNorm2d", (), {"bias": False}, [(2, 4, 3, 3)]),
    ("LazyBatchNorm3d", (), {"affine": False}, [(2, 4, 3, 3, 2)]),
    ("InstanceNorm1d", (4,), {}, [(2, 4, 5)]),
    ("InstanceNorm1d", (4,), {"affine": True}, [(4, 5)]),
    ("InstanceNorm2d", (4,), {"affine": True, "track_running_stats": True}, [(2, 4, 3, 3)]),
    ("InstanceNorm3d", (2,), {}, [(2, 2, 2, 3, 2)]),
    ("LazyInstanceNorm2d", (), {"affine": True}, [(2, 4, 3, 3)]),
    ("LayerNorm", (4,), {}, [(2, 3, 4)]),
    ("LayerNorm", ([3, 4],), {"bias": False}, [(2, 3, 4)]),
    ("LayerNorm", (4,), {"elementwise_affine": False, "eps": 1e-3}, [(2, 4)]),
    ("GroupNorm", (2, 4), {}, [(2, 4, 3)]),
    ("GroupNorm", (4, 4), {"affine": False}, [(2, 4, 3, 2)]),
    ("RMSNorm", (4,), {}, [(2, 3, 4)]),
    ("RMSNorm", ((3, 4),), {"eps": 1e-3, "elementwise_affine": False}, [(2, 3, 4)]),
    ("LocalResponseNorm", (3,), {"k": 2.0}, [(2, 5, 3, 3)]),
    # activations
    *[
        (name, (), {}, [(3, 4)])
        for name in ["CELU", "ELU", "GELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid", "Mish", "PReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink"]
    ],
    ("CELU", (2.0,), {}, [(3, 4)]),
    ("ELU", (0.5,), {}, [(3, 4)]),
    ("ReLU", (True,), {}, [_ints(3, 4, high=3)]),
    ("LeakyReLU", (0.2,), {}, [(3, 4)]),
    ("GELU", ("tanh",), {}, [(3, 4)]),
    ("GLU", (), {}, [(3, 4)]),
    ("GLU", (0,), {}, [(4, 3)]),
    ("Hardtanh", (-0.5, 0.5), {}, [(3, 4)]),
    ("PReLU", (4,), {"init": 0.1}, [(3, 4)]),
    ("Softplus", (2.0, 1.0), {}, [(3, 4)]),
    ("Softshrink", (0.2,), {}, [(3, 4)]),
    ("Threshold", (0.1, 20.0), {}, [(3, 4)]),
    ("Softmax", (1,), {}, [(3, 4)]),
    ("Softmin", (0,), {}, [(3, 4)]),
    ("LogSoftmax", (-1,), {}, [(3, 4)]),
    ("Softmax2d", (), {}, [(2, 3, 2, 2)]),
    ("RReLU", (0.1, 0.3), {}, [(3, 4)]),
    # dropouts
    ("Dropout", (0.3,), {}, [(3, 4)]),
    ("Dropout1d", (0.5,), {}, [(3, 4, 2)]),
    ("Dropout2d", (0.5,), {}, [(3, 4, 2, 2)]),
    ("Dropout3d", (), {}, [(3, 4, 2, 2, 1)]),
    ("AlphaDropout", (0.4,), {}, [(3, 4)]),
    ("FeatureAlphaDropout", (0.4,), {}, [(3, 4, 2)]),
    # embeddings
    ("Embedding", (7, 3), {}, [_ints(2, 5, high=7)]),
    ("Embedding", (7, 3), {"padding_idx": -1}, [_ints(2, 5, high=7)]),
    ("Embedding", (7, 3), {"max_norm": 1.0, "scale_grad_by_freq": True}, [_ints(2, 5, high=7)]),
    ("EmbeddingBag", (7, 3), {"mode": "sum"}, [_ints(2, 5, high=7)]),
    ("EmbeddingBag", (7, 3), {"padding_idx": 1}, [_ints(2, 5, high=7)]),
    ("EmbeddingBag", (7, 3), {"mode": "max"}, [_ints(2, 5, high=7)]),
    # shapes
    ("Flatten", (), {}, [(2, 3, 4)]),
    ("Flatten", (0, 1), {}, [(2, 3, 4)]),
    ("Unflatten", (1, (2, 3)), {}, [(2, 6)]),
    ("Fold", ((4, 5), 2), {}, [(2, 8, 12)]),
    ("Unfold", (2,), {"stride": 2, "padding": 1}, [(2, 3, 4, 6)]),
    ("PixelShuffle", (2,), {}, [(1, 8, 2, 3)]),
    ("PixelUnshuffle", (2,), {}, [(1, 2, 4, 6)]),
    ("ChannelShuffle", (2,), {}, [(1, 4, 2, 3)]),
    ("Upsample", (), {"scale_factor": 2}, [(1, 2, 3, 4)]),
    ("Upsample", (), {"size": (5, 6), "mode": "bilinear"}, [(1, 2, 3, 4)]),
    ("Upsample", (), {"scale_factor": (2, 3), "mode": "bicubic"}, [(1, 2, 3, 4)]),
    ("UpsamplingNearest2d", (), {"scale_factor": 2}, [(1, 2, 3, 4)]),
    ("UpsamplingBilinear2d", (), {"size": 7}, [(1, 2, 3, 4)]),
    ("ConstantPad1d", (2, 3.5), {}, [(2, 3, 4)]),
    ("ConstantPad2d", ((1, 0, 2, 1), 0.5), {}, [(2, 3, 4, 4)]),
    ("ConstantPad3d", (1, 1.0), {}, [(2, 3, 4, 4, 2)]),
    ("ZeroPad1d", (1,), {}, [(2, 3, 4)]),
    ("ZeroPad2d", ((1, 2, 0, 1),), {}, [(2, 3, 4, 4)]),
    ("ZeroPad3d", (1,), {}, [(2, 3, 2, 2, 2)]),
    ("ReflectionPad1d", (2,), {}, [(2, 3, 4)]),
    ("ReflectionPad2d", (1,), {}, [(2, 3, 4, 4)]),
    ("ReflectionPad3d", (1,), {}, [(2, 3, 4, 4, 2)]),
    ("ReplicationPad1d", (2,), {}, [(2, 3, 4)]),
    ("ReplicationPad2d", (1,), {}, [(2, 3, 4, 4)]),
    ("ReplicationPad3d", (1,), {}, [(2, 3, 4, 4, 2)]),
    ("CircularPad1d", (2,), {}, [(2, 3, 4)]),
    ("CircularPad2d", ((1, 0, 2, 1),), {}, [(2, 3, 4, 4)]),
    ("CircularPad3d", (1,), {}, [(2, 3, 4, 4, 2)]),
    # distances and losses
    ("CosineSimilarity", (), {}, [(3, 4), (3, 4)]),
    ("PairwiseDistance", (), {"keepdim": True}, [(3, 4), (3, 4)]),
    ("L1Loss", (), {}, [(3, 4), (3, 4)]),
    ("MSELoss", (), {"reduction": "sum"}, [(3, 4), (3, 4)]),
    ("SmoothL1Loss", (), {"beta": 0.5}, [(3, 4), (3, 4)]),
    ("HuberLoss", (), {"delta": 0.5}, [(3, 4), (3, 4)]),
    ("NLLLoss", (), {}, [(3, 4), _ints(3, high=4)]),
    ("NLLLoss", (), {"ignore_index": 1, "reduction": "none"}, [(3, 4), _ints(3, high=4)]),
    ("CrossEntropyLoss", (), {}, [(3, 4), _ints(3, high=4)]),
    ("CrossEntropyLoss", (), {"label_smoothing": 0.1}, [(3, 4, 2), _ints(3, 2, high=4)]),
    ("CrossEntropyLoss", (), {"reduction": "sum"}, [(3, 4), (3, 4)]),
    ("BCELoss", (), {}, [_positive(3, 4), _ints(3, 4, high=-1)]),
    ("BCEWithLogitsLoss", (), {}, [(3, 4), _ints(3, 4, high=-1)]),
    ("PoissonNLLLoss", (), {"full": True}, [(3, 4), _positive(3, 4)]),
    ("GaussianNLLLoss", (), {}, [(3, 4), (3, 4), _positive(3, 4)]),
    ("KLDivLoss", (), {"reduction": "batchmean"}, [(3, 4), _positive(3, 4)]),
    ("HingeEmbeddingLoss", (), {}, [(3, 4), _signs(3, 4)]),
    ("CosineEmbeddingLoss", (), {"margin": 0.1}, [(3, 4), (3, 4), _signs(3)]),
    ("MarginRankingLoss", (), {"margin": 0.1}, [(3,), (3,), _signs(3)]),
    ("SoftMarginLoss", (), {}, [(3, 4), _signs(3, 4)]),
    ("MultiLabelMarginLoss", (), {}, [(3, 4), _ints(3, 4, high=4)]),
    ("MultiLabelSoftMarginLoss", (), {}, [(3, 4), _ints(3, 4, high=-1)]),
    ("MultiMarginLoss", (), {"p": 2}, [(3, 4), _ints(3, high=4)]),
    ("TripletMarginLoss", (), {"swap": True}, [(3, 4), (3, 4), (3, 4)]),
    ("TripletMarginWithDistanceLoss", (), {}, [(3, 4), (3, 4), (3, 4)]),
    ("AdaptiveLogSoftmaxWithLoss", (8, 10, [3, 6]), {"div_value": 2.0}, [(5, 8), _ints(5, high=10)]),
    # recurrent
    ("RNN", (3, 4), {}, [(5, 2, 3)]),
    ("RNN", (3, 4, 2, "relu"), {"bidirectional": True, "batch_first": True}, [(5, 2, 3)]),
    ("RNN", (3, 4), {"bias": False, "nonlinearity": "relu"}, [(5, 3)]),
    ("GRU", (3, 4), {}, [(5, 2, 3)]),
    ("GRU", (3, 4, 3), {"bidirectional": True, "dropout": 0.4}, [(5, 2, 3), (6, 2, 4)]),
    ("GRU", (3, 4), {"bias": False, "batch_first": True}, [(2, 5, 3)]),
    ("LSTM", (3, 4), {}, [(5, 2, 3)]),
    ("LSTM", (3, 4, 2), {"bidirectional": True, "batch_first": True, "dropout": 0.3}, [(5, 2, 3)]),
    ("LSTM", (3, 4, 2), {"proj_size": 2, "bidirectional": True}, [(5, 2, 3)]),
    ("LSTM", (3, 4), {"proj_size": 3, "bias": False}, [(5, 3)]),
    ("RNNCell", (3, 4), {}, [(2, 3)]),
    ("RNNCell", (3, 4), {"nonlinearity": "relu", "bias": False}, [(3,)]),
    ("GRUCell", (3, 4), {}, [(2, 3), (2, 4)]),
    ("LSTMCell", (3, 4), {}, [(2, 3)]),
    ("LSTMCell", (3, 4), {"bias": False}, [(3,)]),
    # attention
    ("MultiheadAttention", (8, 2), {}, [(3, 2, 8), (5, 2, 8), (5, 2, 8)]),
    ("MultiheadAttention", (8, 4), {"batch_first": True, "bias": False}, [(3, 2, 8), (3, 5, 8), (3, 5, 8)]),
    ("MultiheadAttention", (8, 2), {"kdim": 3, "vdim": 5}, [(3, 2, 8), (5, 2, 3), (5, 2, 5)]),
    ("MultiheadAttention", (8, 2), {"add_bias_kv": True, "add_zero_attn": True}, [(3, 8), (5, 8), (5, 8)]),
    ("TransformerEncoderLayer", (8, 2, 16), {"dropout": 0.0}, [(3, 2, 8)]),
    ("TransformerEncoderLayer", (8, 2, 16, 0.1, "gelu"), {"norm_first": True, "batch_first": True}, [(3, 2, 8)]),
    ("TransformerDecoderLayer", (8, 2, 16), {"batch_first": True, "bias": False}, [(3, 2, 8), (3, 4, 8)]),
    ("Transformer", (8, 2, 2, 1, 16), {}, [(3, 2, 8), (4, 2, 8)]),
]  # fmt: skip


def label(entry):
    """A readable test id."""
    name, args, kwargs, _ = entry
    return f"{name}({', '.join([*map(repr, args), *(f'{k}={v!r}' for k, v in kwargs.items())])})"


def drawn(shapes, seed=5):
    """One NumPy array for each entry of the table, the same in every test."""
    rng = np.random.default_rng(seed)
    made = []
    for shape in shapes:
        kind, size, high = shape if isinstance(shape[0], str) else ("floats", shape, None)
        if kind == "ints" and high > 0:
            made.append(rng.integers(0, high, size))
        elif kind == "ints":  # zeros and ones as floats
            made.append(rng.integers(0, 2, size).astype(np.float32))
        elif kind == "signs":
            made.append((rng.integers(0, 2, size) * 2 - 1).astype(np.float32))
        elif kind == "positive":
            made.append(rng.uniform(0.1, 0.9, size).astype(np.float32))
        else:
            made.append(rng.normal(0, 1, size).astype(np.float32))
    return made


def flat(value):
    """The tensors in nested tuples, in order."""
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in flat(v)]
    return [] if value is None else [value]
