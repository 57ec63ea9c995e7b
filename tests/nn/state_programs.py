"""Programs about state dictionaries, hooks and copies."""

# ruff: noqa: E501  (a table reads best with one entry a line)

import copy
import pickle
import warnings
from collections import OrderedDict

from nn_programs import net_of, outcome, program

# ---- state


@program
def state_dict_form(t):
    t.manual_seed(0)
    net = t.nn.Sequential(t.nn.Linear(2, 2), t.nn.BatchNorm1d(2))
    state = net.state_dict()
    return (
        type(state).__name__, list(state), dict(state._metadata), [type(v) is t.Tensor for v in state.values()],
        [v.requires_grad for v in net.state_dict(keep_vars=True).values()], list(net.state_dict(prefix="p.")),
        state["0.bias"].data_ptr() == net[0].bias.data_ptr(),
    )  # fmt: skip


@program
def loading(t):
    a, b = net_of(t), net_of(t)
    result = b.load_state_dict(a.state_dict())
    equal = all(bool((x == y).all()) for x, y in zip(a.parameters(), b.parameters()))
    return repr(result), str(result), result.missing_keys, equal


@program
def loading_mistakes(t):
    net = t.nn.Sequential(t.nn.Linear(2, 2), t.nn.Linear(2, 2))
    state = net.state_dict()
    del state["0.weight"]
    state["9.w"] = t.ones(1)
    state["extra"] = t.ones(1)
    state["1.bias"] = t.ones(3)
    first = outcome(net.load_state_dict, state)
    state["1.bias"] = 3
    second = outcome(net.load_state_dict, state)
    del state["1.bias"]
    third = net.load_state_dict(state, strict=False)
    return first, second, repr(third), outcome(net.load_state_dict, 3)


@program
def loading_assigns(t):
    net, other = t.nn.Linear(2, 2), t.nn.Linear(2, 2)
    net.weight.requires_grad_(False)
    state = other.state_dict()
    net.load_state_dict(state, assign=True)
    return (
        net.weight.data_ptr() == other.weight.data_ptr(), net.weight.requires_grad, net.bias.requires_grad,
        type(net.weight) is t.nn.Parameter,
    )  # fmt: skip


@program
def extra_state(t):
    class Extra(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.value = 1

        def get_extra_state(self):
            return {"value": self.value}

        def set_extra_state(self, state):
            self.value = state["value"]

    a, b = t.nn.Sequential(Extra()), t.nn.Sequential(Extra())
    a[0].value = 5
    b.load_state_dict(a.state_dict())
    plain = t.nn.Sequential(t.nn.ReLU())
    return (
        dict(a.state_dict()),
        b[0].value,
        outcome(plain.load_state_dict, a.state_dict()),
        outcome(b.load_state_dict, {}),
    )


@program
def state_dict_hooks(t):
    seen = []
    net = t.nn.Sequential(t.nn.Linear(1, 1))
    net.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("pre", prefix, keep)))
    net[0].register_state_dict_post_hook(
        lambda m, d, prefix, meta: seen.append(("post", list(d), prefix, meta))
    )
    net._register_state_dict_hook(lambda m, d, prefix, meta: OrderedDict(only=1))
    bad = t.nn.Linear(1, 1)
    bad.register_state_dict_post_hook(lambda *a: 3)
    return dict(net.state_dict()), seen, outcome(bad.state_dict)


@program
def load_hooks(t):
    seen = []
    net = t.nn.Sequential(t.nn.Linear(1, 1))
    net[0].register_load_state_dict_pre_hook(
        lambda m, d, prefix, meta, strict, missing, unexpected, errors: seen.append(
            (type(m).__name__, prefix, strict)
        )
    )
    net[0]._register_load_state_dict_pre_hook(lambda d, prefix, *rest: d.pop(prefix + "old", None))
    net.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    state = net.state_dict()
    state["0.old"] = t.ones(1)
    del state["0.bias"]
    result = net.load_state_dict(state)
    bad = t.nn.Linear(1, 1)
    bad.register_load_state_dict_post_hook(lambda m, keys: 3)
    return repr(result), seen, outcome(bad.load_state_dict, bad.state_dict())


@program
def own_load_method(t):
    class Renamed(t.nn.Linear):
        _version = 3

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args, **kwargs):
            if local_metadata.get("version", 1) < 3:
                state_dict[prefix + "weight"] = state_dict.pop(prefix + "w")
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *args, **kwargs)

    net = t.nn.Sequential(Renamed(1, 1))
    net.load_state_dict({"0.w": t.full((1, 1), 7.0), "0.bias": t.zeros(1)})
    return net[0].weight.item(), net.state_dict()._metadata["0"]


@program
def old_batchnorm_state(t):
    net = t.nn.BatchNorm1d(2)
    state = OrderedDict((k, v) for k, v in net.state_dict().items() if k != "num_batches_tracked")
    return repr(net.load_state_dict(state))


# ---- hooks


@program
def forward_hooks(t):
    seen = []
    net = t.nn.Sequential(t.nn.Identity())
    x = t.ones(1)
    handles = [
        net.register_forward_pre_hook(lambda m, args: seen.append(("pre", len(args)))),
        net.register_forward_pre_hook(lambda m, args: (args[0] + 1,)),
        net.register_forward_hook(
            lambda m, args, out: seen.append(("post", args[0].item(), out.item()))
        ),
        net.register_forward_hook(lambda m, args, out: out * 10),
        net.register_forward_pre_hook(lambda m, args: seen.append("first"), prepend=True),
        net.register_forward_hook(lambda m, args, out: seen.append("ahead"), prepend=True),
    ]
    values = [net(x).item()]
    handles[3].remove()
    values.append(net(x).item())
    with handles[1]:
        pass
    values.append(net(x).item())
    for h in handles:
        h.remove()
    values.append(net(x).item())
    return values, seen, len(net._forward_hooks), len(net._forward_pre_hooks)


@program
def hooks_with_kwargs(t):
    class Scale(t.nn.Module):
        def forward(self, x, by=1):
            return x * by

    net, seen = Scale(), []
    net.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {**kwargs, "by": 3}), with_kwargs=True
    )
    net.register_forward_hook(
        lambda m, args, kwargs, out: seen.append(dict(kwargs)), with_kwargs=True
    )
    first = net(t.ones(1), by=2).item()
    net.register_forward_pre_hook(lambda m, args, kwargs: 5, with_kwargs=True)
    return first, seen, outcome(net, t.ones(1))


@program
def always_called_hooks(t):
    class Fails(t.nn.Module):
        def forward(self, x):
            raise ValueError("no")

    net, seen = Fails(), []
    net.register_forward_hook(lambda m, args, out: seen.append(("always", out)), always_call=True)
    net.register_forward_hook(lambda m, args, out: seen.append("never"))
    return outcome(net, 1), seen


@program
def global_hooks(t):
    m, seen = t.nn.modules.module, []
    handles = [
        m.register_module_forward_pre_hook(
            lambda mod, args: seen.append(("pre", type(mod).__name__))
        ),
        m.register_module_forward_hook(
            lambda mod, args, out: seen.append(("post", type(mod).__name__))
        ),
        m.register_module_full_backward_hook(
            lambda mod, gi, go: seen.append(("back", type(mod).__name__))
        ),
    ]
    net = t.nn.Sequential(t.nn.Linear(1, 1), t.nn.ReLU())
    net(t.ones(1, 1, requires_grad=True)).sum().backward()
    for h in handles:
        h.remove()
    net(t.ones(1, 1))
    return seen


@program
def registration_hooks(t):
    m, seen = t.nn.modules.module, []
    handles = [
        m.register_module_parameter_registration_hook(
            lambda mod, name, p: seen.append(("parameter", name))
        ),
        m.register_module_buffer_registration_hook(
            lambda mod, name, b: seen.append(("buffer", name))
        ),
        m.register_module_module_registration_hook(
            lambda mod, name, c: seen.append(("module", name))
        ),
    ]
    t.nn.Sequential(t.nn.BatchNorm1d(1))
    net = t.nn.Module()
    net.layer = t.nn.Linear(1, 1)
    for h in handles:
        h.remove()
    return sorted(set(seen))


@program
def backward_hooks(t):
    seen = []
    net = t.nn.Linear(2, 2)
    with t.no_grad():
        net.weight.copy_(t.tensor([[1.0, 2.0], [3.0, 4.0]]))

    def pre(module, grad_output):
        seen.append(("pre", [g.tolist() for g in grad_output]))
        return (grad_output[0] * 2,)

    def back(module, grad_input, grad_output):
        seen.append(("back", grad_input[0].tolist(), grad_output[0].tolist()))
        return (grad_input[0] + 1,)

    handles = [net.register_full_backward_pre_hook(pre), net.register_full_backward_hook(back)]
    x = t.ones(1, 2, requires_grad=True)
    y = net(x)
    name = type(y.grad_fn).__name__
    y.sum().backward()
    for h in handles:
        h.remove()
    z = t.ones(1, 2, requires_grad=True)
    net(z).sum().backward()
    return (
        seen,
        x.grad.tolist(),
        z.grad.tolist(),
        name,
        outcome(net.register_backward_hook, back)[0],
    )


@program
def backward_hook_without_input_gradient(t):
    seen = []
    net = t.nn.Linear(2, 1)
    net.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net(t.ones(1, 2)).sum().backward()
    return seen


# ---- copies


@program
def copies(t):
    net = net_of(t)
    net.register_forward_hook(lambda m, a, o: o + 100)
    twin, shallow = copy.deepcopy(net), copy.copy(net)
    x = t.ones(1, 3)
    return (
        bool((net(x) == twin(x)).all()), twin.block is twin.same, twin.block.scale is net.block.scale,
        shallow.block is net.block, list(twin.state_dict()) == list(net.state_dict()), twin.training,
        len(twin._forward_hooks),
    )  # fmt: skip


@program
def pickled(t):
    t.manual_seed(0)
    net = t.nn.Sequential(
        t.nn.Linear(2, 2), t.nn.BatchNorm1d(2), t.nn.LSTM(2, 2), t.nn.Embedding(2, 2)
    )
    back = pickle.loads(pickle.dumps(net))
    return repr(back), all(
        bool((a == b).all()) for a, b in zip(net.state_dict().values(), back.state_dict().values())
    )


@program
def lazy_layers(t):
    net = t.nn.Sequential(t.nn.LazyConv2d(2, 3), t.nn.Flatten(), t.nn.LazyLinear(2))
    steps = [
        repr(net),
        net[2].has_uninitialized_params(),
        repr(net[2].weight),
        outcome(lambda: net[2].weight.shape)[0],
    ]
    steps += [type(net[2].weight).__name__, outcome(lambda: net[2].weight + 1)[0]]
    twin = copy.deepcopy(net)
    net(t.ones(1, 3, 5, 5))
    steps += [
        repr(net),
        type(net[2]).__name__,
        type(net[2].weight).__name__,
        twin[2].has_uninitialized_params(),
    ]
    twin.load_state_dict(net.state_dict())
    steps += [tuple(twin[2].weight.shape), [tuple(p.shape) for p in net.parameters()]]
    return steps
