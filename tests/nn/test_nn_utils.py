"""nn.utils beside PyTorch: clipping, vectors, norms, parametrizations, pruning."""

import copy
import importlib
import warnings

import numpy as np
import pytest

import rushlight as rl

PROGRAMS = []


def program(function):
    PROGRAMS.append(function)
    return function


def _model(t, seed=0):
    t.manual_seed(seed)
    return t.nn.Sequential(t.nn.Linear(3, 4), t.nn.Tanh(), t.nn.Linear(4, 2))


def _input(t):
    return t.tensor([[0.5, -1.0, 2.0], [1.0, 0.0, -0.5]])


def _backward(t, net):
    out = net(_input(t))
    out.sin().sum().backward()
    return [out] + [p.grad for p in net.parameters()]


def _failure(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except Exception as error:
        return type(error).__name__, str(error)
    return "no error"


@program
def clip_norm(t):
    made = []
    for norm in (2.0, 1.0, float("inf"), 3):
        net = _model(t)
        _backward(t, net)
        made.append(t.nn.utils.clip_grad_norm_(net.parameters(), 0.5, norm_type=norm))
        made += [p.grad for p in net.parameters()]
    one = t.nn.Parameter(t.ones(2))
    made.append(t.nn.utils.clip_grad_norm_(one, 1.0))
    one.grad = t.tensor([float("nan"), 1.0])
    made.append(_failure(t.nn.utils.clip_grad_norm_, one, 1.0, error_if_nonfinite=True))
    return made


@program
def clip_value(t):
    net = _model(t)
    _backward(t, net)
    t.nn.utils.clip_grad_value_(net.parameters(), 0.1)
    return [p.grad for p in net.parameters()]


@program
def vectors(t):
    net = _model(t)
    vector = t.nn.utils.parameters_to_vector(net.parameters())
    t.nn.utils.vector_to_parameters(vector.detach() * 2, net.parameters())
    return [vector, *net.parameters()]


@program
def weight_norm_hook(t):
    net = _model(t)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        t.nn.utils.weight_norm(net[0])
        t.nn.utils.weight_norm(net[2], dim=None)
        again = _failure(t.nn.utils.weight_norm, net[0])
    made = [*_backward(t, net), list(net.state_dict()), again, repr(net)]
    t.nn.utils.remove_weight_norm(net[0])
    return [
        *made,
        net(_input(t)),
        sorted(net.state_dict()),
        _failure(t.nn.utils.remove_weight_norm, net[0]),
    ]


@program
def spectral_norm_hook(t):
    net = _model(t)
    t.nn.utils.spectral_norm(net[0], n_power_iterations=2)
    made = [*_backward(t, net), list(net.state_dict()), dict(net.state_dict()._metadata["0"])]
    made += [net.eval()(_input(t)), net[0].weight_u, net[0].weight_v]
    t.nn.utils.remove_spectral_norm(net[0])
    return [*made, net(_input(t)), list(net.state_dict())]


@program
def weight_norm_parametrization(t):
    net = _model(t)
    t.nn.utils.parametrizations.weight_norm(net[0])
    t.nn.utils.parametrizations.weight_norm(net[2], dim=None)
    made = [*_backward(t, net), list(net.state_dict()), repr(net)]
    old = _model(t, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        t.nn.utils.weight_norm(old[0])
        t.nn.utils.weight_norm(old[2], dim=None)
    net.load_state_dict(old.state_dict())
    return [*made, net(_input(t))]


@program
def spectral_norm_parametrization(t):
    net = _model(t)
    t.nn.utils.parametrizations.spectral_norm(net[0])
    made = [*_backward(t, net), list(net.state_dict()), repr(net), net.eval()(_input(t))]
    conv = t.nn.utils.parametrizations.spectral_norm(t.nn.ConvTranspose1d(2, 3, 2))
    return [*made, conv.weight, _failure(t.nn.utils.parametrizations.spectral_norm, net, "none")[0]]


@program
def orthogonal_parametrization(t):
    made = []
    for sizes, kind in (((3, 3), None), ((3, 3), "cayley"), ((3, 5), None), ((5, 3), "matrix_exp")):
        t.manual_seed(1)
        layer = t.nn.utils.parametrizations.orthogonal(t.nn.Linear(*sizes), orthogonal_map=kind)
        w = layer.weight
        unit = w @ w.t() if w.shape[0] <= w.shape[1] else w.t() @ w
        made += [unit, w, list(layer.state_dict())]
        (w * t.arange(15.0)[: w.numel()].reshape(w.shape)).sum().backward()
        made += [p.grad for p in layer.parameters()]
    return made


@program
def own_parametrization(t):
    parametrize = t.nn.utils.parametrize

    class Symmetric(t.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, a):
            return a.triu()

    class Double(t.nn.Module):
        def forward(self, x):
            return 2 * x

        def right_inverse(self, x):
            return x / 2

    t.manual_seed(0)
    layer = t.nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    made = [repr(layer), layer.weight, list(layer.state_dict()), parametrize.is_parametrized(layer)]
    parametrize.register_parametrization(layer, "weight", Double())
    made += [layer.weight, len(layer.parametrizations["weight"]), type(layer).__name__]
    layer.weight = t.ones(3, 3)
    made += [layer.weight, layer.parametrizations.weight.original]
    with parametrize.cached():
        made.append(layer.weight is layer.weight)
    twin = copy.deepcopy(layer)
    made += [twin(t.ones(1, 3)), parametrize.type_before_parametrizations(twin).__name__]
    made.append([n for n, _ in layer.named_parameters()])
    made.append(_failure(parametrize.register_parametrization, layer, "none", Double())[0])
    parametrize.remove_parametrizations(layer, "weight")
    made += [layer.weight, type(layer) is t.nn.Linear, [n for n, _ in layer.named_parameters()]]
    return made


@program
def fused_batchnorm(t):
    t.manual_seed(0)
    conv, bn, linear = t.nn.Conv2d(2, 3, 2), t.nn.BatchNorm2d(3), t.nn.Linear(4, 3)
    bn(conv(t.rand(4, 2, 5, 5)))
    bn1 = t.nn.BatchNorm1d(3)
    bn1(linear(t.rand(4, 4)))
    for m in (conv, bn, linear, bn1):
        m.eval()
    x, y = t.rand(1, 2, 4, 4), t.rand(2, 4)
    fused, flat = (
        t.nn.utils.fuse_conv_bn_eval(conv, bn),
        t.nn.utils.fuse_linear_bn_eval(linear, bn1),
    )
    return [
        fused(x),
        fused(x) - bn(conv(x)),
        flat(y),
        flat(y) - bn1(linear(y)),
        type(fused.weight).__name__,
    ]


@program
def pruning(t):
    prune = importlib.import_module(f"{t.__name__}.nn.utils.prune")
    net = _model(t)
    prune.l1_unstructured(net[0], "weight", 0.3)
    made = [net[0].weight, net[0].weight_mask, list(net.state_dict()), prune.is_pruned(net)]
    prune.l1_unstructured(net[0], "weight", 2)
    made += [net[0].weight, repr(type(list(net[0]._forward_pre_hooks.values())[0]).__name__)]
    prune.random_unstructured(net[2], "bias", 1)
    prune.ln_structured(net[2], "weight", 0.25, n=2, dim=1)
    made += [net[2].weight, net[2].bias, *_backward(t, net)]
    prune.remove(net[0], "weight")
    made += [net[0].weight, list(net.state_dict()), _failure(prune.remove, net[0], "weight")[0]]
    t.manual_seed(2)
    prune.random_structured(net[0], "weight", 1, dim=0)
    made.append(net[0].weight)
    other = _model(t)
    prune.global_unstructured(
        [(other[0], "weight"), (other[2], "weight")], prune.L1Unstructured, amount=0.5
    )
    return [
        *made,
        other[0].weight,
        other[2].weight,
        _failure(prune.l1_unstructured, net[0], "bias", 7.5),
    ]


@program
def stateless_call(t):
    net = t.nn.Sequential(t.nn.BatchNorm1d(3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call = t.nn.utils.stateless.functional_call
        given = {"0.weight": t.full((3,), 2.0), "0.running_mean": t.ones(3)}
        made = [call(net.eval(), given, _input(t)), net[0].weight, net[0].running_mean]
        made.append(_failure(call, net, {"zz": t.ones(1)}, _input(t), strict=True))
        tied = t.nn.Sequential(t.nn.Linear(3, 3))
        tied.add_module("again", tied[0])
        made.append(call(tied, {"0.weight": t.eye(3), "0.bias": t.zeros(3)}, _input(t)))
    return made


@program
def skip_init(t):
    layer = t.nn.utils.skip_init(t.nn.Linear, 3, 2)
    return (
        layer.weight.shape == (2, 3),
        layer.weight.device.type,
        _failure(t.nn.utils.skip_init, int)[0],
    )


def _agree(mine, theirs, where):
    if hasattr(theirs, "detach"):
        assert tuple(mine.shape) == tuple(theirs.shape), where
        np.testing.assert_allclose(
            mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-4, atol=1e-5, err_msg=where
        )
    elif isinstance(theirs, (list, tuple)):
        assert len(mine) == len(theirs), where
        for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            _agree(a, b, f"{where}[{i}]")
    else:
        assert mine == theirs, where


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_program_runs(program):
    program(rl)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_program_is_pytorchs(program):
    torch = pytest.importorskip("torch")
    _agree(program(rl), program(torch), program.__name__)
