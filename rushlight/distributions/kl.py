"""kl_divergence: how far one distribution is from another, in closed form."""

import math
from collections.abc import Callable
from typing import Any

from .._ops.linalg import linalg_solve_triangular
from .._ops.special import digamma
from ..nn.functional import softplus
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .dirichlet import Dirichlet
from .distribution import Distribution
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent, sum_rightmost
from .laplace import Laplace
from .log_normal import LogNormal
from .multivariate_normal import MultivariateNormal, squared_distance
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import euler_constant

_FORMULAS: dict[tuple[type, type], Callable] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Callable], Callable]:
    """Decorator: makes a function of (p, q) the divergence for these types and their subclasses."""
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

    def keep(function: Callable) -> Callable:
        _FORMULAS[type_p, type_q] = function
        return function

    return keep


def _formula(p: type, q: type) -> Callable | None:
    """The formula for the nearest base classes of both types."""
    found = [
        (p.__mro__.index(a), q.__mro__.index(b), formula)
        for (a, b), formula in _FORMULAS.items()
        if issubclass(p, a) and issubclass(q, b)
    ]
    return min(found, key=lambda item: item[:2])[2] if found else None


def kl_divergence(p: Distribution, q: Distribution) -> Any:
    """The Kullback-Leibler divergence of p from q: the mean of log p(x) - log q(x) over x of p.

    Example:
        >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
        tensor(0.5000)
    """
    formula = _formula(type(p), type(q))
    if formula is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type "
            f"{type(q).__name__}; use register_kl, or the mean of p.log_prob(x) - q.log_prob(x)"
        )
    return formula(p, q)


@register_kl(Normal, Normal)
def _(p: Any, q: Any) -> Any:
    ratio, off = (p.scale / q.scale).pow(2), ((p.loc - q.loc) / q.scale).pow(2)
    return 0.5 * (ratio + off - 1 - ratio.log())


@register_kl(Bernoulli, Bernoulli)
def _(p: Any, q: Any) -> Any:
    yes = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    yes = yes.masked_fill(q.probs == 0, math.inf).masked_fill(p.probs == 0, 0)
    no = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    return yes + no.masked_fill(q.probs == 1, math.inf).masked_fill(p.probs == 1, 0)


@register_kl(Categorical, Categorical)
def _(p: Any, q: Any) -> Any:
    each = p.probs * (p.logits - q.logits)
    each = each.masked_fill((q.probs == 0).expand_as(each), math.inf)
    return each.masked_fill((p.probs == 0).expand_as(each), 0).sum(-1)


@register_kl(Binomial, Binomial)
def _(p: Any, q: Any) -> Any:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError(
            "KL between Binomials where q.total_count > p.total_count is not implemented"
        )
    each = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return (p.total_count * each).masked_fill(p.total_count > q.total_count, math.inf)


@register_kl(Geometric, Geometric)
def _(p: Any, q: Any) -> Any:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _(p: Any, q: Any) -> Any:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Exponential, Exponential)
def _(p: Any, q: Any) -> Any:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Gamma, Gamma)
def _(p: Any, q: Any) -> Any:
    a, b = p.concentration, q.concentration
    rates = b * (p.rate / q.rate).log() + a * (q.rate / p.rate - 1)
    return rates + b.lgamma() - a.lgamma() + (a - b) * digamma(a)


@register_kl(Dirichlet, Dirichlet)
def _(p: Any, q: Any) -> Any:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    volumes = total.lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return volumes + ((a - b) * (digamma(a) - digamma(total).unsqueeze(-1))).sum(-1)


@register_kl(Laplace, Laplace)
def _(p: Any, q: Any) -> Any:
    ratio, off = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + off / q.scale + ratio * (-off / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def _(p: Any, q: Any) -> Any:
    """Source: Chyzak and Nielsen, arXiv:1905.10965."""
    apart = (p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)
    return apart.log() - (4 * p.scale * q.scale).log()


@register_kl(Gumbel, Gumbel)
def _(p: Any, q: Any) -> Any:
    ratio = p.scale / q.scale
    at_q, at_p = q.loc / q.scale, p.loc / q.scale
    far = (at_q + (ratio + 1).lgamma() - at_p).exp()
    return at_p - ratio.log() - at_q + ratio * euler_constant + far - (1 + euler_constant)


@register_kl(TransformedDistribution, TransformedDistribution)
def _(p: Any, q: Any) -> Any:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("the transforms of the two distributions differ")
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Uniform, Uniform)
def _(p: Any, q: Any) -> Any:
    outside = (q.low > p.low) | (q.high < p.high)
    return ((q.high - q.low) / (p.high - p.low)).log().masked_fill(outside, math.inf)


@register_kl(MultivariateNormal, MultivariateNormal)
def _(p: Any, q: Any) -> Any:
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot be "
            f"computed: {p.event_shape} and {q.event_shape}"
        )
    n = p.event_shape[0]
    mine, theirs = p.scale_tril, q.scale_tril
    batch = (mine + theirs).shape[:-2]
    solved = linalg_solve_triangular(
        theirs.expand((*batch, n, n)), mine.expand((*batch, n, n)), upper=False
    )
    far = squared_distance(theirs, q.loc - p.loc)
    return q._log_volume() - p._log_volume() + 0.5 * (solved.pow(2).sum((-2, -1)) + far - n)


@register_kl(Independent, Independent)
def _(p: Any, q: Any) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("the two distributions reinterpret different batch dimensions")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(Uniform, Normal)
def _(p: Any, q: Any) -> Any:
    middle, width = (p.high + p.low - 2 * q.loc) / 2, p.high - p.low
    spread = width.pow(2) / 12 + middle.pow(2)
    return 0.5 * spread / q.scale.pow(2) + (math.sqrt(2 * math.pi) * q.scale / width).log()


@register_kl(Exponential, Normal)
def _(p: Any, q: Any) -> Any:
    apart = q.loc.pow(2) - 2 * q.loc / p.rate + 2 / p.rate.pow(2)
    size = (p.rate.pow(2) * q.scale.pow(2) * 2 * math.pi).log()
    return 0.5 * (size + apart / q.scale.pow(2)) - 1


@register_kl(Laplace, Normal)
def _(p: Any, q: Any) -> Any:
    variance, off = q.scale.pow(2), (p.loc - q.loc).pow(2)
    size = 0.5 * (2 * variance / (math.pi * p.scale.pow(2))).log()
    return -size + (p.scale.pow(2) + 0.5 * off) / variance - 1


def _through(part: str) -> Callable:
    """Where both come from others without loss: the divergence of those."""
    return lambda p, q: kl_divergence(getattr(p, part), getattr(q, part))


register_kl(OneHotCategorical, OneHotCategorical)(_through("_categorical"))
register_kl(Beta, Beta)(_through("_dirichlet"))
register_kl(HalfNormal, HalfNormal)(_through("base_dist"))
register_kl(LogNormal, LogNormal)(_through("base_dist"))
