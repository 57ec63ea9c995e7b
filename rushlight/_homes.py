"""Where other top-level names live: rooms loaded when a name is first asked for."""

_WORDS = {
    "nn.functional": (
        "adaptive_avg_pool1d adaptive_max_pool1d avg_pool1d bilinear celu_ conv1d conv2d conv3d "
        "conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity max_pool1d "
        "max_pool1d_with_indices max_pool2d max_pool3d native_channel_shuffle pairwise_distance "
        "pdist relu_ rms_norm rrelu rrelu_ selu_ threshold_"
    ),
    "nn.functional.lower": (
        "alpha_dropout_ batch_norm binary_cross_entropy_with_logits cosine_embedding_loss ctc_loss "
        "dropout_ embedding_bag feature_alpha_dropout_ feature_dropout_ group_norm "
        "hinge_embedding_loss instance_norm kl_div layer_norm margin_ranking_loss "
        "poisson_nll_loss triplet_margin_loss"
    ),
    "_methods_called": (
        "abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ "
        "asin_ asinh_ atan_ atanh_ ceil_ clamp_ clamp_max_ clamp_min_ clip_ conj_physical_ cos_ "
        "cosh_ deg2rad_ detach_ erf_ erfc_ exp2_ exp_ expm1_ fill_ fix_ floor_ frac_ gcd_ i0_ "
        "index_put_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_ negative_ "
        "rad2deg_ reciprocal_ resize_as_ round_ rsqrt_ sigmoid_ sin_ sinc_ sinh_ sqrt_ square_ "
        "tan_ tanh_ trunc_ xlogy_ zero_ adjoint is_inference is_same_size narrow_copy unsafe_chunk "
        "unsafe_split unsafe_split_with_sizes get_device"
    ),
    "linalg.lowrank": "pca_lowrank svd_lowrank",
    "autograd.anomaly_mode": "is_anomaly_enabled is_anomaly_check_nan_enabled set_anomaly_enabled",
    "amp.older": (
        "clear_autocast_cache get_autocast_cpu_dtype get_autocast_gpu_dtype "
        "is_autocast_cache_enabled is_autocast_cpu_enabled set_autocast_cpu_dtype "
        "set_autocast_cpu_enabled set_autocast_gpu_dtype"
    ),
    "amp": (
        "GradScaler autocast get_autocast_dtype is_autocast_enabled set_autocast_dtype "
        "set_autocast_enabled"
    ),
    "compiler": "compile export load_exported",
    "func": "vmap",
    "serialization": "load load_model save save_model",
    "_creation": "to_dlpack",
    "_conversion": "UntypedStorage is_storage",
}
HOMES = {name: home for home, words in _WORDS.items() for name in words.split()}
