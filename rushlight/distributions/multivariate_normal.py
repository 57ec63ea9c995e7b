"""MultivariateNormal: normal numbers that depend on each other."""

import math
from typing import Any

from .._creation import eye
from .._ops.factors import cholesky_inverse, linalg_cholesky
from .._ops.linalg import linalg_solve_triangular
from .._ops.views import broadcast_shapes
from . import constraints
from .distribution import Distribution
from .normal import standard_normal
from .utils import lazy_property


def squared_distance(lower: Any, off: Any) -> Any:
    """The squared length of `off` measured by the covariance `lower @ lower.mT`."""
    batch = broadcast_shapes(lower.shape[:-2], off.shape[:-1])
    n = off.shape[-1]
    lower = lower.expand((*batch, n, n))
    solved = linalg_solve_triangular(lower, off.expand((*batch, n)).unsqueeze(-1), upper=False)
    return solved.pow(2).sum((-2, -1))


def factor_of_precision(precision: Any) -> Any:
    """The lower triangular factor of the inverse of a precision matrix."""
    # the factor of P turned around gives the inverse of the factor of its inverse
    turned = linalg_cholesky(precision.flip((-2, -1)))
    inverse = turned.flip((-2, -1)).mT
    one = eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return linalg_solve_triangular(inverse, one.expand_as(inverse), upper=False)


class MultivariateNormal(Distribution):
    """The normal distribution of vectors with mean `loc`.

    Args:
        loc: the mean.
        covariance_matrix, precision_matrix, scale_tril: one of the covariance, its inverse, or its
            lower triangular Cholesky factor (which needs no computation).
    """

    arg_constraints = {
        "loc": constraints.real_vector, "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite, "scale_tril": constraints.lower_cholesky,
    }  # fmt: skip
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Any, covariance_matrix: Any = None, precision_matrix: Any = None,
        scale_tril: Any = None, validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        names = ("covariance_matrix", "precision_matrix", "scale_tril")
        matrices = (covariance_matrix, precision_matrix, scale_tril)
        given = {name: m for name, m in zip(names, matrices) if m is not None}
        if len(given) != 1:
            raise ValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be "
                f"specified. Given: {', '.join(given) or 'none'}"
            )
        name, matrix = next(iter(given.items()))
        if matrix.dim() < 2:
            what = "scale_tril matrix" if name == "scale_tril" else name
            raise ValueError(
                f"{what} must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand((*batch, -1, -1)))
        self.loc = loc.expand((*batch, -1))
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        make = {"covariance_matrix": linalg_cholesky, "precision_matrix": factor_of_precision}
        self._unbroadcasted_scale_tril = make.get(name, lambda factor: factor)(matrix)

    def _whole(self, matrix: Any) -> Any:
        n = self._event_shape[0]
        return matrix.expand((*self._batch_shape, n, n))

    @lazy_property
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance."""
        return self._whole(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The covariance."""
        factor = self._unbroadcasted_scale_tril
        return self._whole(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        return self._whole(cholesky_inverse(self._unbroadcasted_scale_tril))

    mean = mode = property(lambda self: self.loc)

    @property
    def variance(self) -> Any:
        squares = self._unbroadcasted_scale_tril.pow(2).sum(-1)
        return squares.expand(self._batch_shape + self._event_shape)

    def _rsample(self, shape: Any) -> Any:
        noise = standard_normal(shape, self.loc)
        return self.loc + (self._unbroadcasted_scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def _log_volume(self) -> Any:
        return self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def _log_prob(self, value: Any) -> Any:
        far = squared_distance(self._unbroadcasted_scale_tril, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + far) - self._log_volume()

    def entropy(self) -> Any:
        made = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._log_volume()
        return made.expand(self._batch_shape)
