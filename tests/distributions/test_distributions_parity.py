"""Distributions against PyTorch: moments, densities, gradients, draws, printed forms, errors."""

import numpy as np
import pytest
from distributions_cases import CASES, WITHOUT_PATH_GRADIENT, made

import rushlight as rl

torch = pytest.importorskip("torch")


def close(ours, theirs, tolerance=2e-5):
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert str(ours.dtype) == str(theirs.dtype)
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance
    )


def asked(call):
    """A result, or that there is none."""
    try:
        return call()
    except NotImplementedError:
        return None


@pytest.mark.parametrize("name", CASES)
def test_facts(name):
    (ours, _, _), (theirs, _, _) = made(rl, name), made(torch, name)
    assert repr(ours) == repr(theirs)
    assert repr(ours.support) == repr(theirs.support)
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    assert ours.has_rsample == theirs.has_rsample
    for fact in ("mean", "variance", "stddev", "mode"):
        wanted = asked(lambda fact=fact: getattr(theirs, fact))
        if wanted is not None:
            close(getattr(ours, fact), wanted)


@pytest.mark.parametrize("name", CASES)
def test_densities_and_their_gradients(name):
    (ours, our_leaves, our_value), (theirs, their_leaves, their_value) = (
        made(rl, name, True),
        made(torch, name, True),
    )
    for method in ("log_prob", "cdf"):
        wanted = asked(lambda method=method: getattr(theirs, method)(their_value))
        if wanted is None:
            continue
        found = getattr(ours, method)(our_value)
        close(found, wanted)
        if method == "log_prob":
            our_grads = rl.autograd.grad(found.sum(), our_leaves, retain_graph=True)
            their_grads = torch.autograd.grad(wanted.sum(), their_leaves, retain_graph=True)
            for a, b in zip(our_grads, their_grads, strict=True):
                close(a, b, 1e-4)
    wanted = asked(theirs.entropy)
    if wanted is not None:
        close(ours.entropy(), wanted)


@pytest.mark.parametrize("name", CASES)
def test_the_same_seed_draws_the_same(name):
    (ours, our_leaves, _), (theirs, their_leaves, _) = made(rl, name, True), made(torch, name, True)
    for shape in ((), (5,), (2, 3)):
        rl.manual_seed(7), torch.manual_seed(7)
        close(ours.sample(shape), theirs.sample(shape))
    if not theirs.has_rsample or name in WITHOUT_PATH_GRADIENT:
        return
    rl.manual_seed(7), torch.manual_seed(7)
    our_draw, their_draw = ours.rsample((4,)), theirs.rsample((4,))
    close(our_draw, their_draw)
    ours_found = rl.autograd.grad((our_draw**2).sum(), our_leaves)
    theirs_found = torch.autograd.grad((their_draw**2).sum(), their_leaves)
    for a, b in zip(ours_found, theirs_found, strict=True):
        close(a, b, 2e-3)


@pytest.mark.parametrize("name", CASES)
def test_expanded_and_enumerated(name):
    (ours, _, our_value), (theirs, _, their_value) = made(rl, name), made(torch, name)
    shape = (4, *theirs.batch_shape)
    a, b = ours.expand(shape), theirs.expand(shape)
    assert repr(a) == repr(b) and tuple(a.batch_shape) == tuple(b.batch_shape)
    close(a.log_prob(our_value), b.log_prob(their_value))
    rl.manual_seed(3), torch.manual_seed(3)
    close(a.sample(), b.sample())
    if theirs.has_enumerate_support:
        for expand in (True, False):
            close(ours.enumerate_support(expand), theirs.enumerate_support(expand))


PAIRS = [
    ("normal", "normal of a number"), ("uniform", "uniform"), ("exponential", "exponential"),
    ("laplace", "laplace"), ("cauchy", "cauchy"), ("bernoulli of probs", "bernoulli of logits"),
    ("geometric", "geometric"), ("poisson", "poisson"), ("binomial", "binomial of logits"),
    ("categorical", "categorical of logits"), ("one-hot", "straight through"), ("gamma", "chi2"),
    ("beta", "beta"), ("dirichlet", "dirichlet"), ("gumbel", "gumbel"),
    ("half normal", "half normal"),
    ("log-normal", "log-normal"), ("normal vectors by factor", "normal vectors by covariance"),
    ("uniform", "normal"), ("exponential", "normal"), ("laplace", "normal"),
]  # fmt: skip


@pytest.mark.parametrize(("p", "q"), PAIRS)
def test_divergences(p, q):
    ours = rl.distributions.kl_divergence(made(rl, p)[0], made(rl, q)[0])
    theirs = torch.distributions.kl_divergence(made(torch, p)[0], made(torch, q)[0])
    close(ours, theirs)


WRONG = {
    "a scale that is negative": lambda t: t.distributions.Normal(0.0, -1.0),
    "weights and logarithms": lambda t: t.distributions.Categorical(t.ones(2), t.ones(2)),
    "neither": lambda t: t.distributions.Bernoulli(),
    "a number of weights": lambda t: t.distributions.Categorical(t.tensor(0.5)),
    "probabilities above 1": lambda t: t.distributions.Bernoulli(t.tensor([0.5, 1.5])),
    "a category that is not": lambda t: t.distributions.Categorical(t.ones(3)).log_prob(
        t.tensor(3)
    ),
    "half a coin": lambda t: t.distributions.Bernoulli(0.5).log_prob(t.tensor(0.5)),
    "a value that is a number": lambda t: t.distributions.Normal(0.0, 1.0).log_prob(1.0),
    "a shape that does not meet": lambda t: t.distributions.Normal(t.zeros(3), 1.0).log_prob(
        t.ones(2)
    ),
    "an event of another size": lambda t: t.distributions.Dirichlet(t.ones(3)).log_prob(t.ones(2)),
    "no such divergence": lambda t: t.distributions.kl_divergence(
        t.distributions.Binomial(3, 0.5), t.distributions.Normal(0.0, 1.0)
    ),
    "too many dimensions": lambda t: t.distributions.Independent(
        t.distributions.Normal(0.0, 1.0), 1
    ),
    "no matrix": lambda t: t.distributions.MultivariateNormal(t.zeros(2)),
    "no positive definite matrix": lambda t: t.distributions.MultivariateNormal(
        t.zeros(2), t.tensor([[1.0, 2.0], [2.0, 1.0]])
    ),
    "a flat factor": lambda t: t.distributions.MultivariateNormal(t.zeros(2), scale_tril=t.ones(2)),
    "low above high": lambda t: t.distributions.Uniform(1.0, 0.0),
    "no rsample": lambda t: t.distributions.Bernoulli(0.5).rsample(),
    "no transform": lambda t: t.distributions.TransformedDistribution(
        t.distributions.Normal(0.0, 1.0), 3
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes(name):
    with pytest.raises(Exception) as theirs:
        WRONG[name](torch)
    with pytest.raises(type(theirs.value)) as ours:
        WRONG[name](rl)
    first = str(theirs.value).strip().splitlines()
    if first:
        assert str(ours.value).strip().splitlines()[0].startswith(first[0].rstrip("."))


TRANSFORMS = {
    "affine": lambda d: d.AffineTransform(1.0, -2.0),
    "exp": lambda d: d.ExpTransform(),
    "sigmoid": lambda d: d.SigmoidTransform(),
    "tanh": lambda d: d.TanhTransform(),
    "softplus": lambda d: d.SoftplusTransform(),
    "composed": lambda d: d.ComposeTransform([d.AffineTransform(0.1, 0.5), d.TanhTransform()]),
    "blocks": lambda d: d.IndependentTransform(d.SigmoidTransform(), 1),
    "reshaped": lambda d: d.ReshapeTransform((4,), (2, 2)),
    "sticks": lambda d: d.StickBreakingTransform(),
    "power": lambda d: d.ComposeTransform([d.ExpTransform(), d.PowerTransform(0.5)]),
    "inverse": lambda d: d.ComposeTransform([d.SigmoidTransform(), d.ExpTransform().inv]),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name):
    values = np.linspace(-0.9, 0.8, 8, dtype="f4").reshape(2, 4)
    ours, theirs = TRANSFORMS[name](rl.distributions), TRANSFORMS[name](torch.distributions)
    x, x2 = rl.tensor(values), torch.tensor(values)
    y, y2 = ours(x), theirs(x2)
    close(y, y2)
    close(ours.inv(y), theirs.inv(y2), 1e-4)
    close(ours.log_abs_det_jacobian(x, y), theirs.log_abs_det_jacobian(x2, y2), 1e-4)
    assert tuple(ours.forward_shape(x.shape)) == tuple(theirs.forward_shape(x2.shape))
    assert repr(ours.domain) == repr(theirs.domain)
    assert repr(ours.codomain) == repr(theirs.codomain)
    assert ours.bijective == theirs.bijective


def facts_of_transforms(t):
    d, x = t.distributions, t.linspace(-1.0, 2.0, 6).reshape(3, 2)
    rows = d.AffineTransform(t.tensor([0.5, 1.0]), t.tensor([-2.0, 0.1]), event_dim=1)
    nothing, steps = d.ComposeTransform([]), d.ComposeTransform([rows, d.SoftmaxTransform()])
    flat = d.ReshapeTransform((3, 2), (6,))
    yield [repr(a) for a in (rows.domain, steps.domain, steps.codomain, nothing.domain)]
    yield [repr(a) for a in (nothing.codomain, flat.domain, flat.codomain, flat.inv.codomain)]
    yield rows.event_dim, rows.inv.event_dim, d.ExpTransform().inv.sign, nothing.sign
    yield [d.ComposeTransform([d.AffineTransform(0, -3), d.ExpTransform().inv]).sign]
    yield [e.flatten().tolist() for e in (rows.sign, rows.log_abs_det_jacobian(x, rows(x)))]
    yield [rows.inv.log_abs_det_jacobian(rows(x), x).flatten().tolist(), flat(x).flatten().tolist()]
    yield [flat.log_abs_det_jacobian(x, flat(x)).shape, flat.inv(flat(x)).shape]
    yield flat.forward_shape((5, 3, 2)), flat.inverse_shape((5, 6))
    yield [steps.inv.parts[1] == rows.inv]
    yield [d.AffineTransform(0, 0.1).log_abs_det_jacobian(x, x).flatten().tolist()]
    yield d.Transform() == d.Transform(), rows == rows, rows != d.ExpTransform()
    for wrong in ((2,), (2, 3)):
        try:
            flat.forward_shape(t.Size(wrong))
        except ValueError as error:
            yield [str(error)]
    normal = d.Independent(d.Normal(x, 1.0), 1)
    plain = d.TransformedDistribution(normal, [])
    turned = d.TransformedDistribution(d.Normal(x, 1.0), [d.AffineTransform(0.0, -2.0)])
    yield [repr(a.support) for a in (normal, plain, turned, d.Independent(normal, 0))]
    yield [repr(d.TransformedDistribution(d.Normal(x, 1.0), rows).support)]
    yield [turned.cdf(x).shape, d.TransformedDistribution(normal, flat).event_shape]


def test_facts_of_transforms():
    for ours, theirs in zip(facts_of_transforms(rl), facts_of_transforms(torch), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert a == pytest.approx(b) if isinstance(a, (float, list)) else a == b, (a, b)


def squashed(t):
    d = t.distributions
    base = d.Normal(t.zeros(3), t.ones(3))
    return d.TransformedDistribution(d.Independent(base, 1), [d.TanhTransform(cache_size=1)])


def test_a_squashed_policy():
    ours, theirs = squashed(rl), squashed(torch)
    rl.manual_seed(0), torch.manual_seed(0)
    a, b = ours.rsample((2,)), theirs.rsample((2,))
    close(a, b)
    close(ours.log_prob(a), theirs.log_prob(b))
    assert repr(ours) == repr(theirs)


def mixture(t):
    d = t.distributions
    parts = d.Normal(t.tensor([0.0, 3.0]), t.tensor([1.0, 0.5]))
    return d.MixtureSameFamily(d.Categorical(t.tensor([0.3, 0.7])), parts)


def test_mixtures():
    ours, theirs = mixture(rl), mixture(torch)
    rl.manual_seed(0), torch.manual_seed(0)
    a, b = ours.sample((5,)), theirs.sample((5,))
    close(a, b)
    close(ours.log_prob(a), theirs.log_prob(b))
    close(ours.cdf(a), theirs.cdf(b))
    close(ours.mean, theirs.mean)
    close(ours.variance, theirs.variance)


@pytest.mark.parametrize("name", ["positive", "unit_interval", "simplex", "real"])
def test_the_way_to_a_constraint(name):
    values = np.linspace(-0.9, 0.8, 9, dtype="f4").reshape(3, 3)
    for registry in ("biject_to", "transform_to"):
        a, b = (
            getattr(t.distributions, registry)(getattr(t.distributions.constraints, name))
            for t in (rl, torch)
        )
        close(a(rl.tensor(values)), b(torch.tensor(values)))
