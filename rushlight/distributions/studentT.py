"""StudentT: a bell curve with heavier tails, for means of few normal numbers."""

import math
from typing import Any

from .._core.size import Size
from .._ops.special import digamma
from . import constraints
from .chi2 import Chi2
from .distribution import Distribution
from .normal import standard_normal


class StudentT(Distribution):
    """Student's t-distribution of `df` degrees of freedom, around `loc`, of width `scale`."""

    arg_constraints = {
        "df": constraints.positive, "loc": constraints.real, "scale": constraints.positive,
    }  # fmt: skip
    support = constraints.real
    has_rsample = True

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        self._keep(validate_args, df=df, loc=loc, scale=scale)
        self._chi2 = Chi2(self.df)

    mode = property(lambda self: self.loc)

    @property
    def mean(self) -> Any:
        """`loc`; NaN up to one degree of freedom."""
        return self.loc.masked_fill(self.df <= 1, math.nan)

    @property
    def variance(self) -> Any:
        """Infinite up to two degrees of freedom, NaN up to one."""
        wide = self.scale.pow(2) * self.df / (self.df - 2)
        wide = wide.masked_fill(self.df <= 2, math.inf)
        return wide.masked_fill(self.df <= 1, math.nan)

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Draws as normal numbers over roots of chi-squared numbers."""
        shape = self._extended_shape(sample_shape)
        noise, widths = standard_normal(shape, self.df), self._chi2.rsample(sample_shape)
        return self.loc + self.scale * (noise * (widths / self.df).rsqrt())

    def _log_prob(self, value: Any) -> Any:
        df, y = self.df, (value - self.loc) / self.scale
        norm = self.scale.log() + 0.5 * df.log() + 0.5 * math.log(math.pi)
        norm = norm + (0.5 * df).lgamma() - (0.5 * (df + 1.0)).lgamma()
        return -0.5 * (df + 1.0) * (y**2.0 / df).log1p() - norm

    def entropy(self) -> Any:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        log_beta = half.lgamma() + math.lgamma(0.5) - more.lgamma()
        rise = digamma(more) - digamma(half)
        return self.scale.log() + more * rise + 0.5 * self.df.log() + log_beta
