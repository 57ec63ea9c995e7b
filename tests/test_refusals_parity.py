"""Refusals and small forms beside PyTorch: masks, sizes, containers, comparisons, batches."""

import types
import warnings
from collections.abc import Sequence

import pytest

import rushlight as rl

torch = pytest.importorskip("torch")
for name in ("nn.utils.prune", "utils.checkpoint"):
    pytest.importorskip(f"torch.{name}")


def attention(t, **masks):
    x = t.zeros(3, 4)
    own = {"query": x, "key": x, "value": x, "embed_dim_to_check": 4, "num_heads": 2}
    own |= {"in_proj_weight": t.zeros(12, 4), "in_proj_bias": None, "bias_k": None, "bias_v": None}
    own |= {"add_zero_attn": False, "dropout_p": 0.0, "out_proj_bias": None}
    own |= {"out_proj_weight": t.zeros(4, 4)}
    return t.nn.functional.multi_head_attention_forward(**{**own, **masks})


def close(t, a, b, **options):
    t.testing.assert_close(a, b, **options)


def strict_call(t, **tensors):
    t.func.functional_call(t.nn.Linear(1, 1), tensors, t.zeros(1), strict=True)


WRONG = {
    "padding mask": lambda t: attention(t, key_padding_mask=t.zeros(1, 3)),
    "attention mask of one axis": lambda t: attention(t, attn_mask=t.zeros(3)),
    "attention mask of a size": lambda t: attention(t, attn_mask=t.zeros(3, 2)),
    "attention mask for heads": lambda t: attention(t, attn_mask=t.zeros(3, 3, 3)),
    "batched mask": lambda t: t.nn.MultiheadAttention(4, 2)(
        *[t.zeros(3, 1, 4)] * 3, attn_mask=t.zeros(3, 3, 3)
    ),
    "sizes": lambda t: t.nn.functional.interpolate(t.zeros(1, 1, 4, 4), size=(2, 2, 2)),
    "scales": lambda t: t.nn.functional.interpolate(t.zeros(1, 1, 4), scale_factor=[2.0, 2.0]),
    "too many names": lambda t: strict_call(t, weight=t.zeros(1, 1), bias=t.zeros(1), b=1, a=1),
    "too few names": lambda t: strict_call(t, weight=t.zeros(1, 1)),
    "other names": lambda t: strict_call(t, weights=t.zeros(1, 1)),
    "no modules": lambda t: t.nn.ModuleList().extend(3),
    "no parameters": lambda t: t.nn.ParameterList().extend(3),
    "one parameter": lambda t: t.nn.ParameterList().extend(t.zeros(2)),
    "module not there": lambda t: t.nn.ModuleDict().pop("a"),
    "called list": lambda t: t.nn.ParameterList()(1),
    "called dictionary": lambda t: t.nn.ParameterDict()(1),
    "other shapes": lambda t: close(t, t.zeros(1), t.zeros(2)),
    "other dtypes": lambda t: close(t, t.zeros(1), t.zeros(1, dtype=t.float64)),
    "other devices": lambda t: close(t, t.zeros(1), t.zeros(1, device="meta")),
    "other strides": lambda t: close(t, t.ones(2, 2), t.ones(2, 2).mT, check_stride=True),
    "other values": lambda t: close(t, t.ones(2), t.zeros(2)),
    "other numbers": lambda t: close(t, 1.0, 2.0),
    "other lists": lambda t: close(t, [1, [2, 3]], [1, [2, 4]]),
    "not declared": lambda t: t.distributions.constraints.dependent.event_dim,
    "not declared discrete": lambda t: t.distributions.constraints.dependent.is_discrete,
    "unknown": lambda t: t.distributions.constraints.dependent.check(t.zeros(1)),
    "outside": lambda t: t.distributions.Exponential(1.0).log_prob(t.tensor(-1.0)),
    "parameter": lambda t: t.distributions.Normal(t.zeros(2), t.tensor([1.0, -1.0])),
    "geometric": lambda t: t.distributions.Geometric(t.tensor([0.0, 0.5])),
    "two matrices": lambda t: t.distributions.MultivariateNormal(
        t.zeros(2), t.eye(2), scale_tril=t.eye(2)
    ),
    "no matrix": lambda t: t.distributions.MultivariateNormal(t.zeros(2)),
    "mixture of others": lambda t: t.distributions.MixtureSameFamily(
        t.distributions.Categorical(t.ones(3, 2)),
        t.distributions.Normal(t.zeros(2, 2), 1.0),
    ),
    "variance": lambda t: t.nn.functional.gaussian_nll_loss(t.ones(2), t.ones(2), -1.0),
    "variances": lambda t: t.nn.functional.gaussian_nll_loss(t.ones(2), t.ones(2), -t.ones(2)),
    "rows": lambda t: t.utils.data.TensorDataset(t.ones(2), t.ones(3)),
    "datasets": lambda t: t.utils.data.StackDataset([1], [1, 2]),
    "one pruned axis": lambda t: t.nn.utils.prune.RandomStructured(1).prune(t.ones(3)),
    "a pruned axis": lambda t: t.nn.utils.prune.LnStructured(1, 2, 5).prune(t.ones(3, 2)),
}


def refusal(t, name):
    with pytest.raises(Exception) as caught:
        WRONG[name](t)
    return type(caught.value), str(caught.value).strip().strip("'").splitlines()[0].rstrip(".")


@pytest.mark.parametrize("name", WRONG)
def test_refusals(name):
    (ours, said), (theirs, wanted) = refusal(rl, name), refusal(torch, name)
    assert ours is theirs and said.startswith(wanted), (ours, said, theirs, wanted)


def same(program):
    a, b = program(rl), program(torch)
    assert a == b, (a, b)


@pytest.mark.parametrize("old", ["upsample_nearest", "upsample_bilinear"])
def test_older_names_of_interpolate(old):
    def program(t):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            x = t.arange(4.0).reshape(1, 1, 2, 2)
            made = getattr(t.nn.functional, old)(x, scale_factor=2).flatten().tolist()
        return [round(v, 5) for v in made], [str(w.message).split(".")[0] for w in caught]

    same(program)


def test_containers_give_out_what_they_hold():
    def program(t):
        layers = t.nn.ModuleDict({"a": t.nn.ReLU(), "b": t.nn.Tanh(), "c": t.nn.ELU()})
        kept = t.nn.ParameterDict({"x": t.ones(1), "y": t.zeros(1)})
        row = t.nn.ModuleList([t.nn.ReLU(), t.nn.Tanh(), t.nn.ELU()])
        net = t.nn.Sequential(t.nn.ReLU(), t.nn.Tanh(), t.nn.ELU())
        yield repr(layers.pop("b")), list(layers), kept.pop("x").tolist(), list(kept)
        yield repr(row[1:]), repr(row[-1]), repr(net[:2]), repr(net[1]), type(net[:1]).__name__
        yield repr(row.pop(0)), repr(row), repr(net.pop(-1)), repr(net)
        yield [repr(p) for p in t.nn.ParameterList([t.ones(1), t.zeros(2)])[1:]]
        layers.clear()
        kept.clear()
        yield len(layers), len(kept), list(kept.parameters())

    same(lambda t: list(program(t)))


class Frozen(Sequence):
    """A sequence that cannot be written to."""

    def __init__(self, items):
        self.items = tuple(items)

    def __getitem__(self, index):
        return self.items[index]

    def __len__(self):
        return len(self.items)


class Named(dict):
    """A dictionary with an attribute, whose constructor wants another argument."""

    def __init__(self, name, items):
        super().__init__(items)
        self.name = name


class Long(list):
    """A list whose constructor wants two arguments."""

    def __init__(self, items, name):
        super().__init__(items)
        self.name = name


BATCHES = [
    [Frozen([1, 2]), Frozen([3, 4])],
    [types.MappingProxyType({"a": 1}), types.MappingProxyType({"a": 2})],
    [Named("n", {"a": 1}), Named("m", {"a": 2})],
    [Long([1, 2], "n"), Long([3, 4], "m")],
    [range(2), range(2)],
]


@pytest.mark.parametrize("number", range(len(BATCHES)))
def test_batches_in_containers_of_ones_own(number):
    def program(t):
        for form in (t.utils.data.default_collate, t.utils.data.default_convert):
            made = form(BATCHES[number])
            inner = made if form is t.utils.data.default_collate else made[0]
            yield type(inner).__name__, getattr(inner, "name", None)
            yield [
                getattr(v, "tolist", lambda v=v: v)()
                for v in getattr(inner, "values", lambda: inner)()
            ]

    same(lambda t: list(program(t)))


def facts_of_constraints(t):
    c = t.distributions.constraints
    pair = [c.positive, c.integer_interval(0, 3)]
    x = t.tensor([[-1.0, 2.0], [1.0, 2.5]])
    for made in (c.cat(pair, 1, [1, 1]), c.stack(pair, 1), c.cat([c.simplex], 0, [2])):
        yield made.is_discrete, made.event_dim, made.check(x).tolist()
    rows = c.independent(c.boolean, 1)
    yield rows.is_discrete, rows.event_dim, rows.check(x.sign().clamp(min=0)).tolist()
    mixed = c.MixtureSameFamilyConstraint(rows)
    yield mixed.is_discrete, mixed.event_dim, mixed.check(t.ones(2, 2)).tolist()
    yield c.multinomial(4).check(x).tolist(), c.multinomial(4).event_dim
    known = c.dependent(is_discrete=True, event_dim=2)
    yield known.is_discrete, known.event_dim, known().event_dim, c.is_dependent(known)


def test_facts_of_constraints():
    same(lambda t: list(facts_of_constraints(t)))


def test_small_forms_beside_pytorch():
    def program(t):
        a, b = t.arange(6.0).reshape(2, 3).requires_grad_(), 3
        cut = t.utils.checkpoint.detach_variable((a, b, a.detach()))
        yield [getattr(x, "requires_grad", x) for x in cut], cut[0].is_leaf
        w = t.arange(24.0).reshape(2, 3, 4)
        for method in (t.nn.utils.prune.LnStructured(n, n_, d) for n, n_, d in SHARES):
            yield method.prune(w).tolist()
        yield t.nn.utils.prune.RandomStructured(0.5, 1).prune(w).count_nonzero().item() < 23
        yield t.nn.functional.gaussian_nll_loss(a, a + 1, 0.5).item()
        normal = t.distributions.MultivariateNormal(t.zeros(2), t.eye(2))
        yield normal.entropy().shape, normal.entropy().item()
        yield t.distributions.MultivariateNormal(t.zeros(3, 2), t.eye(2)).entropy().shape
        yield t.nn.Conv2d(1, 1, (2, 3), padding="same")._reversed_padding_repeated_twice

    same(lambda t: [tuple(row) if isinstance(row, tuple) else row for row in program(t)])


SHARES = [(1, 2, 0), (0.5, 1, -1), (2, float("inf"), 1), (0, 2, 0)]


class Doubled(rl.nn.Module):
    """A parametrization that says that it has no inverse."""

    def forward(self, x):
        return x * 2

    def right_inverse(self, x):
        raise NotImplementedError


def test_parametrizations_and_states_beside_pytorch():
    from torch.nn.utils import parametrizations, parametrize  # noqa: F401

    def program(t):
        class Twice(t.nn.Module):
            forward, right_inverse = Doubled.forward, Doubled.right_inverse

        tools = t.nn.utils
        a, b = t.nn.Linear(2, 2), t.nn.Linear(2, 2)
        t.nn.init.constant_(a.weight, 0.5)
        tools.parametrize.register_parametrization(a, "weight", Twice())
        tools.parametrizations.weight_norm(a, "bias")
        yield a.weight.tolist(), sorted(n for n, _ in a.named_parameters())
        tools.parametrize.transfer_parametrizations_and_params(a, b)
        yield b.weight.tolist(), sorted(n for n, _ in b.named_parameters())
        for call in (lambda: b.get_extra_state(), lambda: b.set_extra_state(1)):
            with pytest.raises(RuntimeError) as caught:
                call()
            yield str(caught.value).split(".")[0]
        with pytest.raises(RuntimeError) as caught:
            t.nn.Linear(1, 1).load_state_dict({"w": t.ones(1, 1), "b": t.ones(1)})
        yield str(caught.value).splitlines()[:3]
        w = t.ones(2, requires_grad=True)
        (w * t.tensor([3.0, -4.0])).sum().backward()
        tools.clip_grad_value_([w], 2)
        yield w.grad.tolist(), tools.clip_grad_norm_(w, 1.0).item()
        yield tools.clip_grad_norm_([t.ones(1)], 1.0).item()

    same(lambda t: list(program(t)))


def test_distributions_and_losses_beside_pytorch():
    def program(t):
        d, x = t.distributions, t.tensor([0.25, 0.5])
        yield d.LogNormal(0.0, 1.0).icdf(x), d.TransformedDistribution(d.Normal(x, 1.0), []).icdf(x)
        turned = d.TransformedDistribution(d.Normal(0.0, 1.0), [d.AffineTransform(1.0, -2.0)])
        yield turned.icdf(x), turned.cdf(x), d.Weibull(x, 2.0).expand((3, 2)).mean
        square = t.arange(9.0).reshape(3, 3)
        utils = t.distributions.utils
        for diagonal in (-1, 0, 1):
            rows = utils.tril_matrix_to_vec(square, diagonal)
            yield rows, utils.vec_to_tril_matrix(rows, diagonal)
        a, b, sign = t.tensor([1.0, 2.0]), t.tensor([2.0, 0.5]), t.tensor([1.0, -1.0])
        yield t.nn.MarginRankingLoss(0.5)(a, b, sign), t.nn.MarginRankingLoss()(input1=a, input2=b,
            target=sign)  # fmt: skip
        triple = (square, square + 1, square - 2)
        yield (
            t.nn.TripletMarginWithDistanceLoss(swap=True)(*triple),
            t.nn.TripletMarginLoss()(*triple),
        )
        net = t.nn.Conv2d(1, 1, 2).to(memory_format=t.channels_last, dtype=t.float64)
        yield net.weight.is_contiguous(memory_format=t.channels_last), str(net.bias.dtype)

    for ours, theirs in zip(program(rl), program(torch), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            if isinstance(a, rl.Tensor):
                assert a.flatten().tolist() == pytest.approx(b.flatten().tolist(), rel=1e-5)
            else:
                assert a == b
    with pytest.raises(ValueError, match="size of last dimension is 4"):
        rl.distributions.utils.vec_to_tril_matrix(rl.ones(4))


@pytest.mark.parametrize("number", range(8))
def test_the_ways_to_constraints(number):
    def program(t, registry):
        c = t.distributions.constraints
        sets = [c.less_than(1.5), c.interval(-1.0, 3.0), c.greater_than(t.tensor(2.0)), c.real]
        sets += [c.lower_cholesky, c.positive_definite, c.independent(c.positive, 1)]
        sets += [c.half_open_interval(0.0, 1.0)]
        way = getattr(t.distributions, registry)(sets[number])
        x = t.tensor([[0.5, -1.0], [0.25, 0.75]])
        y = way(x)
        return [*y.flatten().tolist(), *way.inv(y).flatten().tolist()]

    for registry in ("transform_to", "biject_to"):
        try:
            theirs = program(torch, registry)
        except NotImplementedError:
            continue
        assert program(rl, registry) == pytest.approx(theirs, rel=1e-5, abs=1e-6)
