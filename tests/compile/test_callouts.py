"""What has no kernel of ours is a call of NumPy between native parts, with eager mode's numbers."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import rushlight as rl
import rushlight.distributions as D
from rushlight import nn
from rushlight.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

F = nn.functional


def parts(x: Any) -> list:
    """Its tensors."""
    return [t for y in x for t in parts(y)] if isinstance(x, (tuple, list)) else [x]


def agree(a: Any, b: Any, tolerance: float = 1e-5) -> None:
    """Equal to within rounding, equal dtypes."""
    for x, y in zip(parts(a), parts(b), strict=True):
        assert x.dtype is y.dtype
        assert x.shape == y.shape
        x, y = (t.detach().double() for t in (x, y))
        np.testing.assert_allclose(x.numpy(), y.numpy(), tolerance, tolerance)


def runs(make: Callable, compiled: bool, calls: int = 3) -> tuple:
    """Results, what `make` says is changed, and the generator's state after some calls."""
    rl.manual_seed(0)
    made = make()
    f, *kept = made if isinstance(made, tuple) else (made,)
    run = rl.compile(f, fullgraph=True) if compiled else f
    rl.manual_seed(1)
    found = [run() for _ in range(calls)]
    if compiled:
        assert run.compiled.programs
        assert not run.compiled.eager
    return found, [t for t in kept if t is not None], rl.get_rng_state()


def compare(make: Callable, tolerance: float = 1e-5) -> None:
    """Eager and compiled, side by side."""
    (a, left, state), (b, right, other) = runs(make, False), runs(make, True)
    agree(a, b, tolerance)
    agree(left, right, tolerance)
    assert rl.equal(state, other)


# -- draws by values


def chances(*shape: int, dtype: Any = None) -> Any:
    return rl.rand(*shape, dtype=dtype) * 0.9 + 0.05


DRAWS: dict[str, Callable] = {
    "bernoulli": lambda p: rl.bernoulli(p),
    "bernoulli of a transposed tensor": lambda p: rl.bernoulli(p.t()),
    "bernoulli_": lambda p: rl.zeros(2, 3, 4, dtype=p.dtype).bernoulli_(p),
    "bernoulli_ across": lambda p: rl.zeros(4, 3, dtype=rl.int64).t().bernoulli_(p),
    "Tensor.bernoulli": lambda p: p.bernoulli(),
    "multinomial of one": lambda p: rl.multinomial(p, 1),
    "multinomial": lambda p: rl.multinomial(p, 3),
    "multinomial again and again": lambda p: rl.multinomial(p[0], 9, True),
    "normal about": lambda p: rl.normal(p, p * 2),
    "normal of means": lambda p: rl.normal(p, 2.0),
    "normal of deviations": lambda p: rl.normal(1.0, p),
    "poisson": lambda p: rl.poisson(p * 20),
    "binomial": lambda p: rl.binomial((p * 20).floor(), p),
    "rand_like of a transposed tensor": lambda p: rl.rand_like(p.t()),
    "rrelu": lambda p: F.rrelu(p - 0.5, training=True),
}


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64, rl.bfloat16], ids=str)
@pytest.mark.parametrize("name", DRAWS)
def test_draws_by_values(name, dtype):
    if dtype is rl.bfloat16 and name not in ("bernoulli", "multinomial", "normal about"):
        pytest.skip("one of each kind will do")

    def make():
        p = chances(3, 4, dtype=dtype)
        return lambda: DRAWS[name](p * 1).double() * 2 + rl.rand(3, dtype=dtype).sum(), p

    compare(make)


@pytest.mark.parametrize("shape", [(), (0, 3), (1,)], ids=str)
def test_draws_of_odd_shapes(shape):
    def make():
        p = rl.full(shape, 0.5)
        return lambda: (rl.bernoulli(p), rl.poisson(p * 4), rl.normal(p, p))

    compare(make)


def test_a_draw_has_no_gradient_but_what_is_multiplied_has():
    def make():
        p = chances(5).requires_grad_()

        def step():
            p.grad = None
            (rl.bernoulli(p) * p * p).sum().backward()
            return p.grad

        return step, p

    compare(make)


def test_a_chance_that_is_none_raises_in_compiled_code():
    run = rl.compile(lambda p: rl.bernoulli(p) * 2, fullgraph=True)
    assert run(rl.ones(3)).tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match="Expected p_in >= 0"):
        run(rl.full((3,), 1.5))
    assert run(rl.zeros(3)).tolist() == [0, 0, 0]


@pytest.mark.filterwarnings("ignore:rushlight.compile")
def test_a_draw_inside_vmap_inside_a_program_is_eager_mode_s():
    draw = rl.func.vmap(lambda p: rl.bernoulli(p), randomness="different")
    for f in (draw, rl.compile(lambda p: draw(p))):
        with pytest.raises(RuntimeError, match="Values are needed"):
            f(rl.ones(3, 2))


def laws() -> dict[str, Callable]:
    """Every distribution, of parameters that are made of p and q inside the step."""
    eye = rl.eye(4)
    return dict(
        Bernoulli=lambda p, q: D.Bernoulli(p), Beta=lambda p, q: D.Beta(p, q),
        Binomial=lambda p, q: D.Binomial(5, p), Categorical=lambda p, q: D.Categorical(p),
        Cauchy=lambda p, q: D.Cauchy(p, q), Chi2=lambda p, q: D.Chi2(p),
        Dirichlet=lambda p, q: D.Dirichlet(q), Exponential=lambda p, q: D.Exponential(q),
        Gamma=lambda p, q: D.Gamma(p, q), Geometric=lambda p, q: D.Geometric(p),
        Gumbel=lambda p, q: D.Gumbel(p, q), HalfCauchy=lambda p, q: D.HalfCauchy(q),
        HalfNormal=lambda p, q: D.HalfNormal(q), Laplace=lambda p, q: D.Laplace(p, q),
        InverseGamma=lambda p, q: D.InverseGamma(p, q), LogNormal=lambda p, q: D.LogNormal(p, q),
        LogisticNormal=lambda p, q: D.LogisticNormal(p, q), Poisson=lambda p, q: D.Poisson(q),
        MultivariateNormal=lambda p, q: D.MultivariateNormal(p, eye),
        Multinomial=lambda p, q: D.Multinomial(5, p), Normal=lambda p, q: D.Normal(p, q),
        NegativeBinomial=lambda p, q: D.NegativeBinomial(3.0, p),
        Pareto=lambda p, q: D.Pareto(q, p),
        OneHotCategorical=lambda p, q: D.OneHotCategorical(p), StudentT=lambda p, q: D.StudentT(q),
        OneHotCategoricalStraightThrough=lambda p, q: D.OneHotCategoricalStraightThrough(p),
        RelaxedBernoulli=lambda p, q: D.RelaxedBernoulli(rl.tensor(0.5), p),
        RelaxedOneHotCategorical=lambda p, q: D.RelaxedOneHotCategorical(rl.tensor(0.5), p),
        Uniform=lambda p, q: D.Uniform(p, p + 1), Weibull=lambda p, q: D.Weibull(q, p),
        MixtureSameFamily=lambda p, q: D.MixtureSameFamily(D.Categorical(p), D.Normal(p, q)),
        Independent=lambda p, q: D.Independent(D.Normal(p, q), 1),
    )  # fmt: skip


@pytest.mark.parametrize("name", laws())
def test_distributions(name):
    """Draws, their gradients, their logarithms, the entropy."""

    def make():
        p, q = chances(3, 4).requires_grad_(), chances(3, 4).requires_grad_()

        def step():
            p.grad = q.grad = None
            law = laws()[name](p, q)
            drawn = law.sample((2,))
            total = law.log_prob(drawn).sum()
            if law.has_rsample:
                total = total + law.rsample().cos().sum()
            with suppress(NotImplementedError):
                total = total + law.entropy().sum()
            total.backward()
            return drawn, total.detach(), [x.grad for x in (p, q) if x.grad is not None]

        return step

    compare(make, 1e-4)


# -- tables


INDICES, OFFSETS = [1, 2, 4, 5, 4, 3, 2, 9], [0, 4, 4]
BAGS: dict[str, dict] = {
    "sum": {"mode": "sum"},
    "mean": {"mode": "mean", "padding_idx": 4},
    "max": {"mode": "max"},
    "scaled": {"mode": "sum", "scale_grad_by_freq": True},
    "last": {"mode": "sum", "include_last_offset": True},
    "short": {"max_norm": 0.5},
}


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", BAGS)
def test_embedding_bags(name, weighted, dtype):
    options = dict(BAGS[name])
    if weighted and options.get("mode") != "sum":
        pytest.skip("weights are for sums")
    offsets = [*OFFSETS, 8] if name == "last" else OFFSETS

    def make():
        indices, begins = rl.tensor(INDICES), rl.tensor(offsets)
        weight = rl.randn(10, 4, dtype=dtype).requires_grad_()
        each = rl.randn(8, dtype=dtype).requires_grad_() if weighted else None

        def step():
            weight.grad = None
            made = F.embedding_bag(indices, weight, begins, per_sample_weights=each, **options)
            made.sin().sum().backward()
            return made, weight.grad

        return step, weight, each if each is None else each.detach()

    compare(make)


def test_bags_that_are_refused():
    weight = rl.randn(10, 4)
    run = rl.compile(lambda i, o: F.embedding_bag(i, weight, o), fullgraph=True)
    run(rl.tensor(INDICES), rl.tensor(OFFSETS))
    with pytest.raises(RuntimeError, match=r"offsets\[0\] has to be 0"):
        run(rl.tensor(INDICES), rl.tensor([1, 4, 4]))
    with pytest.raises(IndexError, match="out of range"):
        run(rl.tensor([*INDICES[:-1], 10]), rl.tensor(OFFSETS))
    cut = rl.compile(
        lambda i, o: F.embedding_bag(i, weight, o, mode="sum", include_last_offset=True),
        fullgraph=True,
    )
    cut(rl.tensor(INDICES), rl.tensor([0, 4, 8]))
    with pytest.warns(UserWarning, match="refused values"):
        agree(cut(rl.tensor(INDICES), rl.tensor([0, 4, 6]))[1], weight[[4, 3]].sum(0))


def test_rows_of_at_most_a_norm_are_written_back():
    def make():
        rl.manual_seed(2)
        net = nn.Embedding(10, 4, max_norm=1.0)
        indices = rl.tensor(INDICES)
        optimizer = rl.optim.SGD(net.parameters(), lr=0.5)

        def step():
            optimizer.zero_grad()
            made = net(indices).square().sum()
            made.backward()
            optimizer.step()
            return made.detach()

        return step, net.weight

    compare(make)


def test_rows_of_at_most_a_norm_equal_torch():
    torch = pytest.importorskip("torch")
    rows = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    ours, theirs = rl.tensor(rows), torch.tensor(rows)
    a = F.embedding(rl.tensor(INDICES), ours, max_norm=1.0)
    b = torch.nn.functional.embedding(torch.tensor(INDICES), theirs, max_norm=1.0)
    np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-6)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), 1e-6)


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64], ids=str)
def test_plain_averages_of_batches(dtype):
    def make():
        norm = nn.BatchNorm1d(4, momentum=None, dtype=dtype)
        x = rl.randn(6, 4, dtype=dtype)

        def step():
            made = norm(x)
            return made, norm(made * 2 + 1)

        return step, norm.running_mean, norm.running_var, norm.num_batches_tracked

    compare(make)


def test_plain_averages_of_batches_equal_torch():
    torch = pytest.importorskip("torch")
    batches = np.random.default_rng(0).normal(size=(5, 6, 4)).astype(np.float32)
    ours, theirs = nn.BatchNorm1d(4, momentum=None), torch.nn.BatchNorm1d(4, momentum=None)
    run = rl.compile(ours)
    for x in batches:
        run(rl.tensor(x))
        theirs(torch.tensor(x))
    np.testing.assert_allclose(ours.running_mean.numpy(), theirs.running_mean.numpy(), 1e-6, 1e-7)
    np.testing.assert_allclose(ours.running_var.numpy(), theirs.running_var.numpy(), 1e-6)


# -- sequences


@pytest.mark.parametrize("form", ["lists", "tensors", "joined", "one"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_ctc(form, reduction):
    def make():
        x = rl.randn(*((9, 5) if form == "one" else (9, 3, 5))).requires_grad_()
        targets = rl.tensor([[1, 2, 3], [2, 2, 1], [4, 1, 1]])
        times, labels = [9, 7, 8], [3, 2, 0]
        if form == "one":
            targets, times, labels = targets[0], [8], [3]
        if form == "joined":
            targets = rl.tensor([1, 2, 3, 2, 2])
        if form != "lists":
            times, labels = rl.tensor(times), rl.tensor(labels)

        def step():
            x.grad = None
            loss = F.ctc_loss(x.log_softmax(-1), targets, times, labels, reduction=reduction)
            loss.sum().backward()
            return loss, x.grad

        return step

    compare(make)


def test_ctc_of_lengths_that_do_not_fit():
    x, targets = rl.randn(6, 2, 5).log_softmax(-1), rl.tensor([[1, 2, 3], [2, 2, 1]])
    run = rl.compile(lambda t, a, b: F.ctc_loss(x, t, a, b), fullgraph=True)
    run(targets, rl.tensor([6, 5]), rl.tensor([3, 2]))
    with pytest.raises(RuntimeError, match="input_lengths to have value at most 6, but got"):
        run(targets, rl.tensor([7, 5]), rl.tensor([3, 2]))
    with pytest.raises(RuntimeError, match="at least 4 at dimension 1, but got size 3"):
        run(targets, rl.tensor([6, 5]), rl.tensor([3, 4]))
    with pytest.raises(RuntimeError, match="size 4 at dimension 0, but got size 3"):
        F.ctc_loss(x, rl.tensor([1, 2, 3]), (6, 6), (2, 2))


NETWORKS: dict[str, Callable] = {
    "LSTM": lambda **o: nn.LSTM(4, 5, 2, **o),
    "projected": lambda **o: nn.LSTM(4, 5, proj_size=3, **o),
    "GRU": lambda **o: nn.GRU(4, 5, 2, **o),
    "RNN": lambda **o: nn.RNN(4, 5, **o),
}


def packed_step(name: str, lengths: Any, dtype: Any = rl.float32, **how: Any) -> Callable:
    """A training step over packed sequences; how: of the network, of the packing."""
    first, total = how.pop("batch_first", False), how.pop("total_length", None)
    ordered = how.pop("enforce_sorted", True)

    def make():
        net = NETWORKS[name](batch_first=first, dtype=dtype, **how)
        x = rl.randn(6, 3, 4, dtype=dtype)
        x[4:, 2] = float("nan")  # padding counts for nothing
        x = (x.transpose(0, 1).contiguous() if first else x).requires_grad_()

        def step():
            net.zero_grad()
            x.grad = None
            packed = pack_padded_sequence(x, lengths, first, ordered)
            made, state = net(packed)
            padded, sizes = pad_packed_sequence(made, first, -1.0, total)
            sum(t.sin().sum() for t in parts((padded, state))).backward()
            return padded, state, sizes, x.grad, [p.grad for p in net.parameters()]

        return step

    return make


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_packed_sequences(name, bidirectional):
    for lengths in (rl.tensor([6, 5, 1]), [6, 5, 1]):
        compare(packed_step(name, lengths, bidirectional=bidirectional))


@pytest.mark.parametrize(
    "how",
    [
        {"lengths": rl.tensor([4, 6, 1]), "enforce_sorted": False},
        {"lengths": [4, 6, 1], "enforce_sorted": False},
        {"lengths": rl.tensor([4, 6, 1]), "enforce_sorted": False, "batch_first": True},
        {"lengths": rl.tensor([5, 5, 2]), "total_length": 8},
        {"lengths": rl.tensor([5, 5, 2]), "total_length": 5, "batch_first": True},
        {"lengths": rl.tensor([6, 5, 3]), "dtype": rl.float64},
    ],
    ids=str,
)
def test_packings(how):
    compare(packed_step("LSTM", **how))


def test_lengths_change_without_a_new_program():
    net = nn.GRU(4, 5, batch_first=True)

    def f(x, lengths):
        made, last = net(pack_padded_sequence(x, lengths, True, False))
        return pad_packed_sequence(made, True)[0], last

    run, x = rl.compile(f), rl.randn(3, 6, 4)
    for lengths in ([6, 5, 1], [2, 6, 6], [1, 1, 6]):
        agree(run(x, rl.tensor(lengths)), f(x, rl.tensor(lengths)))
    assert run.compiled.traces == 1
    with pytest.warns(UserWarning, match="refused values"):  # shorter than the padding
        assert run(x, rl.tensor([3, 2, 1]))[0].shape == (3, 3, 5)
    assert run(x, rl.tensor([2, 2, 1]))[0].shape == (3, 2, 5)
    with pytest.raises(RuntimeError, match="greater than 0"):
        run(x, rl.tensor([6, 2, 0]))
    assert run.compiled.traces == 1


@pytest.mark.filterwarnings("ignore:rushlight.compile")
def test_packed_data_and_its_dropout_are_python_s():
    """The size of `data` is the sum of the lengths; dropout between layers draws as many."""
    x, lengths = rl.randn(6, 3, 4), rl.tensor([6, 5, 1])
    net = nn.LSTM(4, 5, 2, dropout=0.5)

    def data(lengths):
        return pack_padded_sequence(x, lengths).data * 2

    def dropped(lengths):
        return net(pack_padded_sequence(x, lengths))[1][0]

    for f in (data, dropped):
        run = rl.compile(f)
        rl.manual_seed(0)
        a = run(lengths)
        rl.manual_seed(0)
        agree(a, f(lengths))
        assert len(run.compiled.eager) == 1


# -- values that hang on no input


def test_values_of_constants_are_known():
    def f(x):
        steps = rl.linspace(0, 1, 5) * 2
        rates = [s.item() for s in steps]
        if rl.tensor([1, 2, 3]).sum() == 6 and bool((steps >= 0).all()):
            x = x * rates[-1]
        return x[rl.tensor([2, 0, 1]).sort()[1].tolist()[0] :] + len(rl.arange(3).tolist())

    run, x = rl.compile(f, fullgraph=True), rl.randn(4)
    agree(run(x), f(x))
    agree(run(x * 2), f(x * 2))


@pytest.mark.filterwarnings("ignore:rushlight.compile")
@pytest.mark.parametrize(
    "f",
    [
        lambda x: x + x.sum().item(),
        lambda x: x + rl.rand(1).item(),
        lambda x: x + rl.zeros(3).bernoulli_(x * 0 + 1).tolist()[0],
        lambda x: x * rl.zeros(3).add_(x).tolist()[1],
    ],
)
def test_values_of_other_tensors_are_not(f):
    run = rl.compile(f)
    for x in (rl.rand(3), rl.rand(3)):
        rl.manual_seed(0)
        a = run(x)
        rl.manual_seed(0)
        agree(a, f(x))
    assert not run.compiled.programs


# -- others


def test_masked_scatter_and_variances():
    def make():
        x, source = rl.randn(3, 4).requires_grad_(), rl.randn(12).requires_grad_()
        mask = rl.tensor([True, False, True, True])

        def step():
            x.grad = source.grad = None
            made = x.masked_scatter(mask, source)
            made.sin().sum().backward()
            loss = F.gaussian_nll_loss(x.detach(), made.detach(), source.detach()[:3, None] ** 2)
            return made, x.grad, source.grad, loss

        return step

    compare(make)
    run = rl.compile(lambda x, m, s: x.masked_scatter(m, s), fullgraph=True)
    run(rl.zeros(4), rl.tensor([True, False, False, False]), rl.ones(2))
    with pytest.raises(RuntimeError, match="enough elements"):
        run(rl.zeros(4), rl.ones(4) > 0, rl.ones(2))
    nll = rl.compile(F.gaussian_nll_loss, fullgraph=True)
    nll(rl.zeros(3), rl.zeros(3), rl.ones(3))
    with pytest.raises(ValueError, match="negative"):
        nll(rl.zeros(3), rl.zeros(3), -rl.ones(3))
