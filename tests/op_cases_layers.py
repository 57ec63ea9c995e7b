"""Calls of the ops that the layers of networks are made of."""

from op_case import Case, case, complexes, floats, ints

# names of ops (as test ids give them) -> calls; a tuple is the shape of a tensor to draw
# fmt: off
LAYERS: dict[str, tuple[Case, ...]] = {
    # activation
    "threshold": (case((3, 4), 0.25, -1.0), case((3, 4), threshold=0.0, value=20.0)),
    "prelu": (case((3, 4), (1,)), case((2, 3, 4), (3,)), case((3, 4), ()), case((3,), (1,))),
    "glu": (case((3, 4)), case((4, 3), dim=0), case((2, 4, 3), dim=1)),
    # padding
    "constant_pad_nd": (
        case((3, 4), pad=(1, 2)), case((3, 4), pad=(1, 0, 2, 1), value=5.0),
        case((3, 4), pad=(-1, 2, 0, -2)),
    ),
    "reflection_pad2d": (
        case((1, 2, 4), pad=(1, 2)), case((1, 2, 4), pad=(-3, 2)), case((0, 3, 3), pad=(1, 2)),
    ),
    "circular_pad": (case((1, 2, 4), pad=(1, 2)), case((1, 2, 3, 4), pad=(1, 2, 3, 0))),
    # frames
    "stft": (
        case((1, 40), 16, window=floats(16), return_complex=True),
        case((2, 40), 12, 5, 8, window=floats(8), return_complex=True, normalized=True),
        case((2, 40), 12, window=floats(12), center=False, onesided=False, return_complex=True),
        case((1, 40), 16, window=floats(16), return_complex=False, pad_mode="constant"),
    ),
    # softmaxes
    "softmax log_softmax": (
        case((3, 4), dim=1), case((3, 4), dim=0), case((2, 3, 4), dim=-2), case((), dim=0),
        case((0, 3), dim=1), case(floats(3, 4, low=-1000, high=1000), dim=-1),
    ),
    # conv
    "convolve": (
        case((2, 3, 5), (2, 3, 2), (2,), stride=(1,), padding=(0,), dilation=(1,)),
        case(
            complexes(1, 2, 4), complexes(2, 2, 2), complexes(2), stride=(1,), padding=(0,),
            dilation=(1,),
        ),
        case((1, 2, 5, 6), (3, 2, 2, 3), stride=(2, 1), dilation=(1, 2), padding=(1, 2)),
        case(
            (1, 4, 4, 4), (2, 2, 1, 1), (2,), dilation=(1, 1), padding=(0, 0), stride=(1, 1),
            groups=2,
        ),
        case(
            (1, 2, 3, 3, 3), (1, 2, 2, 2, 2), stride=(1, 1, 2), padding=(0, 1, 1),
            dilation=(1, 1, 1),
        ),
    ),
    "convolve_transposed": (
        case((2, 3, 4), (3, 2, 2), (2,), shape=(2, 2, 5), stride=(1,), padding=(0,), dilation=(1,)),
        case(
            complexes(1, 2, 3), complexes(2, 1, 2), complexes(1), shape=(1, 1, 4), stride=(1,),
            padding=(0,), dilation=(1,),
        ),
        case(
            (1, 2, 3, 3), (2, 1, 2, 2), shape=(1, 2, 4, 4), stride=(2, 2), padding=(1, 1),
            dilation=(1, 1), groups=2,
        ),
    ),
    "convolution_for_input": (
        case((2, 2, 4), (2, 3, 2), shape=(2, 3, 5), stride=(1,), padding=(0,), dilation=(1,)),
    ),
    "convolution_for_weight": (
        case((2, 2, 4), (2, 3, 5), shape=(2, 3, 2), stride=(1,), padding=(0,), dilation=(1,)),
    ),
    "windows": (
        case((2, 5), size=(2,), stride=(1,), dilation=(2,)),
        case((2, 5, 4), size=(2, 3), stride=(2, 1), dilation=(1, 1)),
    ),
    "unwindows": (case((2, 3, 2), shape=(2, 5), stride=(1,), dilation=(2,)),),
    "im2col": (
        case((2, 2, 4, 3), kernel_size=(2, 2), dilation=(1, 1), padding=(0, 0), stride=(1, 1)),
        case((1, 2, 4, 5), kernel_size=(2, 3), dilation=(2, 1), padding=(1, 0), stride=(1, 2)),
    ),
    "col2im": (
        case(
            (2, 8, 6), output_size=(4, 3), kernel_size=(2, 2), dilation=(1, 1), padding=(0, 0),
            stride=(1, 1),
        ),
        case(
            (1, 4, 9), output_size=(2, 2), kernel_size=(2, 2), dilation=(1, 1), padding=(1, 1),
            stride=(1, 1),
        ),
    ),
    # embedding
    "embedding": (
        case((5, 3), ints(4, low=0, high=5)), case((5, 3), ints(2, 4, low=0, high=5)),
        case((5, 3), ints(low=0, high=5)),
    ),
    "embedding_bag_sum": (
        case((5, 3), ints(4, low=0, high=5), ints(1, low=0, high=1), bags=1),
        case((5, 3), ints(4, low=0, high=5), ints(1, low=0, high=1), (4,), bags=1),
        case((5, 3), ints(4, low=0, high=5), ints(1, low=0, high=1), bags=2, mean=True),
    ),
    "embedding_bag_max": (case((5, 3), ints(1, low=0, high=5), ints(1, low=0, high=1), bags=1),),
    # shuffling
    "pixel_shuffle": (case((1, 8, 2, 3), upscale_factor=2), case((9, 2, 2), upscale_factor=3)),
    "pixel_unshuffle": (
        case((1, 2, 4, 6), downscale_factor=2), case((2, 3, 3), downscale_factor=3),
    ),
    "channel_shuffle": (case((1, 6, 2, 2), groups=2), case((2, 6, 3), groups=3)),
    # attention
    "mixed_values": (
        case((3, 4), (4, 2)), case((2, 2, 3, 4), (2, 2, 4, 2)), case((2, 3, 4), (4, 2)),
    ),
    "attention_scores": (
        case((3, 4), (5, 4), scale=0.5), case((2, 2, 3, 4), (2, 2, 3, 4), scale=0.5),
    ),
    # loss
    "mse_loss smooth_l1_loss huber_loss": (
        case((3, 4), (3, 4)), case((3, 4), (3, 4), reduction="sum"),
        case((3, 4), (4,), reduction="none"), case((), ()),
    ),
    "binary_cross_entropy": (
        case(floats(3, 4, low=0.1, high=0.9), floats(3, 4, low=0.1, high=0.9)),
        case(floats(3, 4, low=0.1, high=0.9), floats(3, 4, low=0.1, high=0.9), reduction="none"),
    ),
    "logits_cross_entropy": (
        case((3, 4), floats(3, 4, low=0, high=1)),
        case((3, 4), floats(3, 4, low=0, high=1), reduction="sum"),
    ),
    "soft_margin_loss": (case((3, 4), (3, 4)), case((3, 4), (3, 4), reduction="none")),
    # class_loss
    "nll_loss undifferentiated_cross_entropy recorded_cross_entropy": (
        case((4, 3), ints(4, low=0, high=3)),
        case((4, 3), ints(4, low=0, high=3), reduction="none", ignore_index=1),
    ),
    "nll_loss2d": (
        case((2, 3, 4, 2), ints(2, 4, 2, low=0, high=3)),
        case((2, 3, 4, 2), ints(2, 4, 2, low=0, high=3), ignore_index=0),
    ),
    "multi_margin_loss": (
        case((4, 3), ints(4, low=0, high=3)), case((4, 3), ints(4, low=0, high=3), p=2),
        case((4, 3), ints(4, low=0, high=3), reduction="none", margin=0.5),
    ),
    "multilabel_margin_loss": (
        case((3, 4), ints(3, 4, low=-1, high=4)),
        case((3, 4), ints(3, 4, low=-1, high=4), reduction="none"),
    ),
    # distance
    "difference_norms pair_norms": (case((3, 4)), case((2, 3, 4), ord=3.0, keepdim=True)),
    # resample
    "resample_nearest1d resample_nearest_exact1d resample_linear1d resample_cubic1d "
    "resample_smooth_linear1d resample_smooth_cubic1d": (
        case((1, 2, 5), size=(3,), scales=(None,)),
    ),
    "resample_nearest2d resample_nearest_exact2d": (
        case((1, 2, 3, 4), size=(6, 5), scales=(2.0, None)),
    ),
    "resample_nearest3d resample_nearest_exact3d resample_linear3d": (
        case((1, 1, 2, 3, 2), size=(3, 2, 4), scales=(None, None, None)),
    ),
    "resample_linear2d resample_cubic2d resample_smooth_linear2d resample_smooth_cubic2d": (
        case((1, 2, 3, 4), size=(6, 5), scales=(2.0, None)),
        case((1, 2, 3, 4), size=(6, 3), scales=(None, None), align_corners=True),
    ),
    # grid
    "grid_sample_of2d": (
        case((1, 2, 3, 4), floats(1, 2, 3, 2, low=-0.9, high=0.9), axes=(2, 3)),
        case((1, 2, 3, 4), floats(1, 2, 3, 2, low=-0.9, high=0.9), axes=(2, 3), align_corners=True),
    ),
    "grid_sample_of3d": (
        case((1, 1, 2, 3, 2), floats(1, 2, 2, 1, 3, low=-0.9, high=0.9), axes=(2, 3, 4)),
    ),
    "affine_places2d": (case((2, 2, 3), sizes=(2, 3)),),
    "affine_places3d": (case((1, 3, 4), sizes=(2, 3, 2), align_corners=True),),
    # norm
    "batch_norm_training": (
        case((4, 3)), case((4, 3), (3,), (3,)), case((2, 3, 4), (3,), (3,), eps=0.1),
        case((2, 3, 2, 3), (3,)),
    ),
    "batch_norm_inference": (
        case((4, 3), (3,), floats(3, low=0.5, high=2)),
        case((2, 3, 4), (3,), floats(3, low=0.5, high=2), (3,), (3,), eps=0.1),
    ),
    "layer_norm_native": (
        case((3, 4), normalized_shape=(4,)), case((3, 4), (4,), (4,), normalized_shape=(4,)),
        case((2, 3, 4), (3, 4), normalized_shape=(3, 4), eps=0.1),
        case((4,), (4,), (4,), normalized_shape=(4,)),
    ),
    "group_norm_native": (
        case((2, 4), num_groups=2), case((2, 4, 3), (4,), (4,), num_groups=2),
        case((2, 4, 2, 2), (4,), num_groups=4, eps=0.1),
    ),
    # pool
    "pool_max1d pool_max_places1d": (
        case((2, 5), window=(2,), stride=(2,), padding=(0,), dilation=(1,)),
        case((2, 5), window=(2,), stride=(2,), padding=(0,), dilation=(1,), ceil_mode=True),
    ),
    "pool_max2d pool_max_places2d": (
        case((1, 2, 4, 6), window=(2, 3), stride=(1, 2), padding=(1, 1), dilation=(1, 2)),
    ),
    "pool_max3d pool_max_places3d": (
        case(
            (1, 3, 3, 4), window=(2, 2, 2), stride=(1, 1, 2), padding=(0, 0, 1), dilation=(1, 1, 1),
        ),
    ),
    "pool_avg1d": (
        case((2, 5), window=(2,), stride=(2,), padding=(0,)),
        case((2, 5), window=(2,), stride=(2,), padding=(1,), ceil_mode=True),
    ),
    "pool_avg2d": (
        case((1, 2, 4, 6), window=(2, 3), stride=(1, 2), padding=(1, 1), count_include_pad=False),
        case((1, 2, 4, 6), window=(2, 3), stride=(1, 2), padding=(1, 1), divisor_override=5),
    ),
    "pool_avg3d": (case((1, 3, 3, 4), window=(2, 2, 2), stride=(1, 1, 2), padding=(0, 0, 1)),),
    "unpool_max1d": (case((2, 1), ints(2, 1, low=0, high=4), shape=(4,)),),
    "unpool_max2d": (case((2, 1, 1), ints(2, 1, 1, low=0, high=6), shape=(2, 3)),),
    # pool_adaptive
    "pool_adaptive_avg1d pool_adaptive_max1d": (case((2, 5), output_size=(2,)),),
    "pool_adaptive_avg2d pool_adaptive_max2d": (
        case((2, 4, 6), output_size=(2, 3)), case((1, 5, 7), output_size=(3, 2)),
    ),
    "pool_adaptive_avg3d pool_adaptive_max3d": (case((1, 3, 4, 5), output_size=(2, 2, 2)),),
    # recurrent
    "lstm_step": (case((2, 12), (2, 3)), case((4,), (1,))),
    "gru_step": (case((2, 9), (2, 9), (2, 3)), case((3,), (3,), (1,))),
    "lstm_sequence": (case([(3, 2, 8), (2, 2), (2, 2), (8, 2)]),),
    "gru_sequence": (case([(3, 2, 6), (2, 2), (6, 2), (6,)]), case([(2, 1, 6), (1, 2), (6, 2)])),
    "rnn_sequence": (
        case([(3, 2, 2), (2, 2), (2, 2)]), case([(3, 2, 2), (2, 2), (2, 2)], relu=True),
    ),
}
# fmt: on
