"""Distributions by themselves: draws agree with densities, divergences with draws."""

import math
import pickle

import numpy as np
import pytest
from distributions_cases import CASES, made

import rushlight as rl
from rushlight import distributions as D

# Recorded from PyTorch 2.13 with seed 7.
RECORDED = {
    "Normal": (lambda: D.Normal(0.0, 1.0).sample((3,)), [-0.146795094, 0.7861412764, 0.94682163]),
    "Exponential": (
        lambda: D.Exponential(rl.tensor(2.0)).sample((3,)),
        [0.1638219655, 0.1598917395, 0.9905877113],
    ),
    "Gamma": (
        lambda: D.Gamma(rl.tensor(0.5), rl.tensor(1.0)).sample((3,)),
        [0.4548684657, 0.0290857088, 0.0787867755],
    ),
    "Categorical": (
        lambda: D.Categorical(rl.tensor([1.0, 2.0, 3.0])).sample((6,)),
        [1, 1, 2, 2, 2, 2],
    ),
}


@pytest.mark.parametrize("name", RECORDED)
def test_draws_recorded_from_pytorch(name):
    rl.manual_seed(7)
    draw, wanted = RECORDED[name]
    np.testing.assert_allclose(draw().numpy(), wanted, rtol=1e-5)


NUMBERS = [n for n in CASES if not made(rl, n)[0].event_shape and "cauchy" not in n]


@pytest.mark.parametrize("name", NUMBERS)
def test_moments_are_those_of_the_draws(name):
    rl.manual_seed(1)
    d = made(rl, name)[0]
    if "categorical" in name or "relaxed" in name:
        return
    drawn, deviation = d.sample((4000,)), d.stddev
    error = deviation / math.sqrt(4000)
    assert ((drawn.mean(0) - d.mean).abs() < 5 * error).all()
    if name not in ("student", "pareto", "inverse gamma"):  # no fourth moment
        assert ((drawn.std(0) / deviation - 1).abs() < 0.15).all()


@pytest.mark.parametrize("name", ["binomial of many", "poisson", "geometric", "binomial"])
def test_counts_come_as_often_as_they_are_likely(name):
    rl.manual_seed(2)
    d = made(rl, name)[0]
    drawn = d.sample((4000,))
    for count in (d.mode, d.mean.round()):
        share, wanted = (drawn == count).float().mean(0), d.log_prob(count).exp()
        assert ((share - wanted).abs() < 5 * (wanted * (1 - wanted) / 4000).sqrt() + 1e-6).all()


@pytest.mark.parametrize("a", [0.3, 1.0, 4.0, 50.0])
def test_the_gradient_of_gamma_draws_moves_the_mean(a):
    """E[x] = a and E[log x] = digamma(a), whose slopes the mean of the draws' gradients meets."""
    rl.manual_seed(3)
    shape = rl.tensor(a, requires_grad=True, dtype=rl.float64)
    drawn = D.Gamma(shape, rl.tensor(1.0, dtype=rl.float64)).rsample((3000,))
    (slope,) = rl.autograd.grad(drawn.mean(), shape, retain_graph=True)
    assert abs(slope.item() - 1) < 0.12
    (slope,) = rl.autograd.grad(drawn.log().mean(), shape)
    assert slope.item() == pytest.approx(rl.polygamma(1, shape).item(), rel=0.12)


def test_the_gradient_of_shares_moves_the_mean():
    rl.manual_seed(4)
    weights = rl.tensor([1.0, 2.0, 3.0], requires_grad=True)
    drawn = D.Dirichlet(weights).rsample((4000,))
    (found,) = rl.autograd.grad(drawn[:, 0].mean(), weights, retain_graph=True)
    (wanted,) = rl.autograd.grad(D.Dirichlet(weights).mean[0], weights)
    assert (found - wanted).abs().max() < 0.02
    one = D.Beta(weights[0], weights[1])
    (found,) = rl.autograd.grad(one.rsample((4000,)).mean(), weights, retain_graph=True)
    (wanted,) = rl.autograd.grad(one.mean, weights)
    assert (found - wanted).abs().max() < 0.03


def test_divergence_is_the_mean_difference_of_densities():
    rl.manual_seed(5)
    p, q = D.Normal(0.3, 1.0), D.Normal(0.0, 1.5)
    x = p.sample((20000,))
    assert D.kl_divergence(p, q) == pytest.approx(
        (p.log_prob(x) - q.log_prob(x)).mean().item(), abs=0.02
    )


def test_the_policy_gradient_of_a_choice():
    logits = rl.zeros(3, requires_grad=True)
    chance = D.Categorical(logits=logits)
    (-chance.log_prob(rl.tensor(1)) * 2.0).backward()
    np.testing.assert_allclose(logits.grad.numpy(), [2 / 3, -4 / 3, 2 / 3], rtol=1e-6)


def test_register_kl_reaches_subclasses_nearest_first():
    class Mine(D.Normal):
        pass

    @D.register_kl(Mine, D.Normal)
    def _(p, q):
        return "mine"

    p, q = Mine(0.0, 1.0), D.Normal(0.0, 1.0)
    assert D.kl_divergence(p, q) == "mine"
    assert D.kl_divergence(q, p).item() == 0.0
    with pytest.raises(TypeError, match="Expected type_p to be a Distribution subclass"):
        D.register_kl(int, D.Normal)


def test_checks_can_be_switched_off():
    assert D.Normal(0.0, -1.0, validate_args=False).scale.item() == -1.0
    before = D.Distribution._validate_args
    try:
        D.Distribution.set_default_validate_args(False)
        D.Bernoulli(rl.tensor(2.0))
    finally:
        D.Distribution.set_default_validate_args(before)
    with pytest.raises(ValueError, match="satisfy the constraint Interval"):
        D.Bernoulli(rl.tensor(2.0))


def test_a_distribution_of_ones_own():
    class Steps(D.Distribution):
        arg_constraints = {"width": D.constraints.positive}
        support = D.constraints.nonnegative

        def __init__(self, width, validate_args=None):
            self.width = width
            super().__init__(width.shape, validate_args=validate_args)

        def rsample(self, sample_shape=()):
            return self.width * rl.rand(self._extended_shape(sample_shape)).round()

    d = Steps(rl.tensor([1.0, 2.0]))
    assert repr(d) == "Steps(width: torch.Size([2]))"
    assert tuple(d.expand((3, 2)).sample((4,)).shape) == (4, 3, 2)
    with pytest.raises(NotImplementedError):
        d.log_prob(rl.tensor([0.0, 0.0]))
    with pytest.raises(ValueError, match="parameter width"):
        Steps(rl.tensor([-1.0]))


def test_they_travel_by_pickle():
    d = pickle.loads(pickle.dumps(D.Normal(rl.tensor([0.0]), rl.tensor([2.0]))))
    assert repr(d) == "Normal(loc: tensor([0.]), scale: tensor([2.]))"
    squashed = D.TransformedDistribution(d, D.TanhTransform(cache_size=1))
    assert pickle.loads(pickle.dumps(squashed)).transforms == squashed.transforms


def test_a_cached_transform_gives_back_what_went_in():
    squash = D.TanhTransform(cache_size=1)
    x = rl.tensor([9.0, 12.0])
    assert squash.inv(squash(x)) is x
    assert D.TanhTransform().inv(D.TanhTransform()(x))[1] == math.inf


def test_binomial_draws_at_the_edges():
    count, p = rl.tensor([5.0, 5.0, 0.0]), rl.tensor([0.0, 1.0, 0.5])
    assert rl.binomial(count, p).tolist() == [0.0, 5.0, 0.0]
    with pytest.raises(ValueError, match="must have the same type"):
        rl.binomial(count, p.double())


def test_what_others_hold_shows_through():
    rows = D.Independent(D.Normal(rl.tensor([0.0, 1.0]), rl.tensor([1.0, 2.0])), 1)
    assert rows.has_rsample and rows.mean.tolist() == rows.mode.tolist() == [0.0, 1.0]
    assert rows.variance.tolist() == [1.0, 4.0]
    hot = D.OneHotCategorical(rl.tensor([0.25, 0.75]))
    assert hot.probs.tolist() == [0.25, 0.75] and tuple(hot.param_shape) == (2,)
    assert hot.logits.exp().tolist() == pytest.approx([0.25, 0.75])
    soft = D.RelaxedBernoulli(rl.tensor(0.5), probs=rl.tensor([0.25]))
    assert soft.temperature.item() == 0.5 and soft.probs.tolist() == [0.25]
    assert soft.logits.item() == pytest.approx(math.log(1 / 3))
    inverse = D.InverseGamma(rl.tensor([3.0]), rl.tensor([2.0]))
    assert inverse.concentration.tolist() == [3.0] and inverse.rate.tolist() == [2.0]
