"""Creation functions: tensors from data, from one value, from ranges, from random numbers."""

from .data import (
    as_tensor,
    asarray,
    from_dlpack,
    from_numpy,
    frombuffer,
    new_tensor,
    scalar_tensor,
    tensor,
    to_dlpack,
)
from .filled import (
    empty,
    empty_like,
    empty_strided,
    eye,
    full,
    full_like,
    new_empty,
    new_empty_strided,
    new_full,
    new_ones,
    new_zeros,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from .gammas import binomial
from .grids import cartesian_prod, combinations, meshgrid, polar, vander
from .legacy import legacy, new, set_default_tensor_type
from .randoms import (
    bernoulli,
    multinomial,
    normal,
    poisson,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
from .ranges import arange, linspace, logspace, range, tril_indices, triu_indices
from .windows import bartlett_window, blackman_window, hamming_window, hann_window, kaiser_window
