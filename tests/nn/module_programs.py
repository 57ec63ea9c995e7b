"""Small programs about modules; under Rushlight and PyTorch they must return the same."""

# ruff: noqa: E501  (a table reads best with one entry a line)

import copy
import pickle
import warnings
from collections import OrderedDict

PROGRAMS = []


def program(function):
    PROGRAMS.append(function)
    return function


def net_of(t):
    class Block(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = t.nn.Linear(3, 4)
            self.scale = t.nn.Parameter(t.ones(2))
            self.register_buffer("count", t.zeros(1))
            self.register_buffer("hidden", t.zeros(2), persistent=False)
            self.absent = None
            self.register_parameter("nothing", None)

        def forward(self, x):
            return self.first(x)

    class Net(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Block()
            self.same = self.block
            self.layers = t.nn.Sequential(OrderedDict(a=t.nn.Linear(4, 4), b=t.nn.ReLU()))
            self.tied = self.layers.a.weight

        def forward(self, x, flag=False):
            return self.layers(self.block(x))

    return Net()


def outcome(function, *args, **kwargs):
    """What a call gives, or the type and text of what it raises."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return type(error).__name__, str(error)


# ---- walking


@program
def names_in_order(t):
    net = net_of(t)
    return (
        [n for n, _ in net.named_parameters()],
        [n for n, _ in net.named_parameters(prefix="x", remove_duplicate=False)],
        [n for n, _ in net.named_parameters(recurse=False)],
        [n for n, _ in net.named_buffers()],
        [n for n, _ in net.named_buffers("p")],
        [(n, type(m).__name__) for n, m in net.named_modules()],
        [(n, type(m).__name__) for n, m in net.named_modules(prefix="q", remove_duplicate=False)],
        [n for n, _ in net.named_children()],
        [type(m).__name__ for m in net.modules()],
        [type(m).__name__ for m in net.children()],
        len(list(net.parameters())),
        len(list(net.buffers())),
        list(net.state_dict()),
    )


@program
def walks_are_generators(t):
    net = net_of(t)
    walks = (
        net.parameters(), net.named_parameters(), net.buffers(), net.named_buffers(),
        net.modules(), net.named_modules(), net.children(), net.named_children(),
    )  # fmt: skip
    return [type(w).__name__ for w in walks]


@program
def printed_tree(t):
    net = net_of(t)
    return repr(net), str(net.layers), repr(t.nn.Sequential()), repr(t.nn.Module())


@program
def extra_lines_are_indented(t):
    class Two(t.nn.Module):
        def extra_repr(self):
            return "a=1\nb=2"

    outer = t.nn.Sequential(Two(), t.nn.ModuleDict({"k": Two()}))
    outer.add_module("none", None)
    return repr(outer)


@program
def paths(t):
    net = net_of(t)
    return (
        net.get_submodule("layers.a") is net.layers.a,
        net.get_submodule("") is net,
        net.get_parameter("block.scale") is net.block.scale,
        net.get_buffer("block.count") is net.block.count,
        outcome(net.get_submodule, "layers.c"),
        outcome(net.get_submodule, "block.scale"),
        outcome(net.get_parameter, "block.count"),
        outcome(net.get_parameter, "block.zzz"),
        outcome(net.get_buffer, "block.scale"),
        outcome(net.set_submodule, "", net),
        outcome(net.set_submodule, "block.first", 3)[0],
        net.set_submodule("layers.b", t.nn.Tanh()),
        outcome(net.set_submodule, "layers.zz", t.nn.Tanh(), strict=True),
        repr(net.layers),
    )


@program
def apply_order(t):
    seen = []
    net_of(t).apply(lambda m: seen.append(type(m).__name__))
    return seen


@program
def train_and_eval(t):
    net = net_of(t)
    states = [m.training for m in net.modules()]
    net.eval()
    states += [m.training for m in net.modules()]
    net.block.train()
    states += [m.training for m in net.modules()]
    return states, outcome(net.train, 1), net.train() is net


@program
def dir_lists_members(t):
    net = net_of(t)
    return [n in dir(net) for n in ("block", "tied", "training", "forward", "zzz")], "0" in dir(
        t.nn.Sequential(net)
    )


# ---- attributes


@program
def registration_rules(t):
    net = net_of(t)
    nn = t.nn
    return (
        outcome(setattr, net.block, "scale", t.ones(2)),
        outcome(setattr, net.block, "scale", 3),
        outcome(setattr, net, "block", 3),
        outcome(setattr, net.block, "count", "x"),
        outcome(net.register_buffer, "a.b", None),
        outcome(net.register_buffer, "", None),
        outcome(net.register_buffer, 3, None),
        outcome(net.register_buffer, "block", None),
        outcome(net.register_buffer, "new", 3),
        outcome(net.register_parameter, "a.b", None),
        outcome(net.register_parameter, "", None),
        outcome(net.register_parameter, 3, None),
        outcome(net.register_parameter, "block", None),
        outcome(net.register_parameter, "new", t.ones(2)),
        outcome(net.register_parameter, "new", 3),
        outcome(net.add_module, "a.b", nn.ReLU()),
        outcome(net.add_module, "", nn.ReLU()),
        outcome(net.add_module, 3, nn.ReLU()),
        outcome(net.add_module, "training", nn.ReLU()),
        outcome(net.add_module, "new", 3),
        outcome(getattr, net, "zzz"),
        outcome(delattr, net, "zzz"),
    )


@program
def replacing_moves_between_tables(t):
    net = net_of(t)
    block = net.block
    block.scale = None
    steps = [list(block._parameters), block.scale]
    block.count = t.ones(1)
    steps += [list(block._buffers), "count" in block.__dict__]
    block.plain = 3
    block.plain = t.nn.Parameter(t.ones(1))
    steps += ["plain" in block.__dict__, list(block._parameters)]
    block.plain2 = t.nn.ReLU()
    block.plain2 = t.nn.Parameter(t.ones(1))
    steps += [list(block._modules), list(block._parameters)]
    block.count = t.nn.Parameter(t.ones(1))
    steps += [list(block._buffers), list(block._parameters)]
    del block.scale, block.first, block.hidden
    steps += [list(block._buffers), list(block._parameters), list(block._modules)]
    return steps


@program
def before_init(t):
    class Late(t.nn.Module):
        def __init__(self, what):
            if what == "parameter":
                self.x = t.nn.Parameter(t.ones(1))
            elif what == "module":
                self.x = t.nn.Linear(1, 1)
            elif what == "buffer":
                self.register_buffer("x", t.ones(1))
            else:
                self.x = 3
            super().__init__()

    return [outcome(Late, w) for w in ("parameter", "module", "buffer")], Late("number").x


@program
def init_arguments(t):
    class Plain(t.nn.Module):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)

    class Old(t.nn.Module):
        def __init__(self):
            super().__init__()

    return (
        outcome(Plain, x=1),
        outcome(t.nn.Module, 1),
        type(Old()).__name__,
        type(Plain()).__name__,
    )


@program
def call_super_init(t):
    class Mixin:
        def __init__(self, a, b=2):
            self.sum = a + b

    class Both(t.nn.Module, Mixin):
        call_super_init = True

        def __init__(self, a, b):
            super().__init__(a, b=b)

    return Both(1, 5).sum


@program
def missing_forward(t):
    return outcome(t.nn.Module(), t.ones(1)), outcome(t.nn.ModuleList([]), 1)[0]


@program
def buffers_by_class(t):
    net = t.nn.Module()
    net.b = t.nn.Buffer(t.ones(2))
    net.c = t.nn.Buffer(t.ones(2), persistent=False)
    return (
        list(net._buffers),
        list(net.state_dict()),
        isinstance(net.b, t.nn.Buffer),
        type(net.b) is t.Tensor,
    )


@program
def non_leaf_parameter(t):
    net = t.nn.Module()
    p = t.nn.Parameter(t.ones(2))
    return outcome(net.register_parameter, "x", t.nn.Parameter(p * 2)), type(p.data) is t.Tensor


# ---- parameters


@program
def parameter_facts(t):
    p = t.nn.Parameter(t.ones(2, 2))
    q = copy.deepcopy(p)
    r = pickle.loads(pickle.dumps(t.nn.Parameter(t.zeros(3), requires_grad=False)))
    return (
        repr(p), type(p) is t.nn.parameter.Parameter, isinstance(p, t.Tensor), p.requires_grad, p.is_leaf,
        type(p + 1) is t.Tensor, type(p.data) is t.Tensor, type(q) is t.nn.Parameter, repr(q), q is p,
        repr(r), type(r) is t.nn.Parameter, repr(t.nn.Parameter()), isinstance(t.ones(1), t.nn.Parameter),
        outcome(t.nn.Parameter, t.ones(2, dtype=t.int64))[0],
        t.nn.Parameter(t.ones(2, dtype=t.int64), requires_grad=False).dtype is t.int64,
    )  # fmt: skip


@program
def parameter_shares_memory(t):
    x = t.zeros(2)
    p = t.nn.Parameter(x)
    with t.no_grad():
        p += 1
    return x.tolist(), outcome(p.add_, 1)[0]


@program
def requires_grad_switch(t):
    net = net_of(t)
    net.requires_grad_(False)
    flags = [p.requires_grad for p in net.parameters()]
    net.block.requires_grad_()
    return flags, [p.requires_grad for p in net.parameters()]


@program
def zero_grad(t):
    net = net_of(t)
    net(t.ones(1, 3)).sum().backward()
    net.zero_grad(set_to_none=False)
    kept = [None if p.grad is None else float(p.grad.abs().sum()) for p in net.parameters()]
    net.zero_grad()
    return kept, [p.grad for p in net.parameters()]


# ---- moving


@program
def dtype_moves(t):
    net = net_of(t)
    before = [id(p) for p in net.parameters()]
    net.register_buffer("whole", t.zeros(1, dtype=t.int64))
    net.double()
    dtypes = [p.dtype for p in net.parameters()] + [b.dtype for b in net.buffers()]
    same = before == [id(p) for p in net.parameters()]
    kinds = []
    for change in (
        lambda: net.half(), lambda: net.bfloat16(), lambda: net.float(), lambda: net.to(t.float64),
        lambda: net.to("cpu"), lambda: net.to("cpu", t.float32), lambda: net.to(dtype=t.float64),
        lambda: net.to(t.ones(1)), lambda: net.to(t.device("cpu")), lambda: net.to(device="cpu"),
        lambda: net.cpu(), lambda: net.type(t.float32), lambda: net.to(t.float32, True),
    ):  # fmt: skip
        kinds.append((change() is net, str(net.block.scale.dtype), str(net.whole.dtype)))
    wrong = outcome(net.to, t.int64), outcome(net.to, "nowhere")[0]
    return [str(d) for d in dtypes], same, kinds, wrong


@program
def gradients_move_too(t):
    net = t.nn.Linear(2, 2)
    net(t.ones(1, 2)).sum().backward()
    net.double()
    return str(net.weight.grad.dtype), net.weight.grad.tolist()


@program
def to_empty_from_meta(t):
    net = t.nn.Linear(2, 3, device="meta")
    refused = outcome(net.to, "cpu")
    net.to_empty(device="cpu")
    return (
        refused[0],
        net.weight.device.type,
        tuple(net.weight.shape),
        type(net.weight) is t.nn.Parameter,
    )


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


# ---- containers


@program
def sequential(t):
    nn = t.nn
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    steps = [
        repr(net[-1]),
        repr(net[1:]),
        list(net[1:]._modules),
        len(net),
        [n for n, _ in net[1:].named_parameters()],
    ]
    steps += [
        repr(net.append(nn.Tanh())),
        repr(net.insert(1, nn.Sigmoid())),
        repr(net.extend([nn.ReLU6()])),
    ]
    steps += [
        repr(net.pop(0)),
        repr(net),
        outcome(net.__getitem__, 9),
        outcome(net.insert, 99, nn.ReLU()),
    ]
    del net[0]
    net[0] = nn.Softmax(1)
    steps += [
        repr(net),
        repr(nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh())),
        repr(nn.Sequential(nn.ReLU()) * 2),
    ]
    steps += [
        repr(2 * nn.Sequential(nn.ReLU())),
        outcome(lambda: net + 1),
        outcome(lambda: net * 0),
        outcome(lambda: net * "a"),
    ]
    other = nn.Sequential(nn.ReLU())
    other += nn.Sequential(nn.Tanh())
    other *= 2
    del other[1:3]
    steps += [
        repr(other),
        [type(m).__name__ for m in net],
        repr(net.pop(-1)),
        outcome(net.insert, 0, 3)[0],
    ]
    return steps


@program
def sequential_named(t):
    net = t.nn.Sequential(OrderedDict([("one", t.nn.Linear(1, 1)), ("two", t.nn.ReLU())]))
    net.add_module("Three", t.nn.Tanh())
    return (
        repr(net),
        net.one is net[0],
        repr(net[::2]),
        list(net.state_dict()),
        outcome(t.nn.Sequential, 3),
    )


@program
def own_sequential(t):
    class Mine(t.nn.Module):
        def __init__(self, *args):
            super().__init__()
            for i, module in enumerate(args):
                self._modules[str(i)] = module

        def forward(self, x):
            for module in self._modules.values():
                x = module(x)
            return x

    class Keys(t.nn.Sequential):
        def __init__(self, *args):
            super().__init__()
            for block in args:
                self.add_module(block)

        def add_module(self, block):
            self._modules[block] = block

        def forward(self, x):
            for block in self._modules.values():
                x = block(x)
            return x

    t.manual_seed(0)
    mine = Mine(t.nn.Linear(2, 2), t.nn.ReLU())
    keys = Keys(*mine._modules.values())
    x = t.ones(1, 2)
    return repr(mine), bool((mine(x) == keys(x)).all()), type(mine._modules).__name__


@program
def module_list(t):
    nn = t.nn
    net = nn.ModuleList([nn.Linear(1, 1), nn.ReLU()])
    net.append(nn.ReLU()).append(nn.Tanh())
    net.insert(1, nn.Linear(1, 1))
    steps = [repr(net), repr(net[1:3]), repr(net[-1]), len(net), outcome(net.__getitem__, 9)]
    net += [nn.Tanh()]
    net[0] = nn.ReLU()
    del net[1]
    del net[2:]
    steps += [
        repr(net),
        repr(net + [nn.ReLU()]),
        repr(net.pop(0)),
        outcome(net.extend, 3),
        repr(nn.ModuleList()),
    ]
    steps += [outcome(net, 1), [n for n, _ in nn.ModuleList([nn.Linear(1, 1)]).named_parameters()]]
    return steps


@program
def module_dict(t):
    nn = t.nn
    net = nn.ModuleDict({"a": nn.Linear(1, 1)})
    net["b"] = nn.ReLU()
    net.update([("c", nn.Tanh())])
    net.update({"d": nn.Tanh(), "a": nn.Tanh()})
    steps = [
        repr(net),
        list(net),
        list(net.keys()),
        len(net),
        "a" in net,
        net.b is net["b"],
        repr(net.pop("a")),
    ]
    steps += [
        [k for k, _ in net.items()],
        [type(v).__name__ for v in net.values()],
        outcome(net.update, 3),
    ]
    steps += [
        outcome(net.update, [1]),
        outcome(net.update, [(1, 2, 3)]),
        outcome(net.__getitem__, "zz"),
        outcome(net, 1),
    ]
    del net["b"]
    net.clear()
    return [*steps, repr(net), outcome(net.__setitem__, "x", 3)]


@program
def parameter_list(t):
    nn = t.nn
    net = nn.ParameterList([nn.Parameter(t.ones(2, 3)), t.ones(1)])
    net.append(t.zeros(2))
    net.extend([nn.Parameter(t.ones(1, dtype=t.float64))])
    net.append(3)
    steps = [
        repr(net),
        len(net),
        repr(net[1]),
        repr(net[-1]),
        repr(net[1:3]),
        [n for n, _ in net.named_parameters()],
    ]
    net[0] = t.zeros(1)
    net += [t.ones(1)]
    steps += [
        repr(net),
        outcome(net.__getitem__, 99),
        outcome(net.extend, t.ones(2)),
        outcome(net, 1),
        list(net.state_dict()),
    ]
    return steps


@program
def parameter_dict(t):
    nn = t.nn
    net = nn.ParameterDict({"b": t.ones(2), "a": nn.Parameter(t.ones(1))})
    net["c"] = t.zeros(2, 2)
    net.update({"e": t.ones(1), "d": t.ones(1)})
    net.update([("z", 5)])
    steps = [
        repr(net),
        list(net),
        len(net),
        "a" in net,
        net.get("zz", 3),
        list(net.keys()),
        [k for k, _ in net.items()],
    ]
    steps += [
        len(list(net.values())),
        repr(net.pop("a")),
        net.popitem()[0],
        repr(net.setdefault("q", t.ones(1))),
    ]
    steps += [
        repr(net.copy()),
        repr(net | nn.ParameterDict({"n": t.ones(1)})),
        list(reversed(net)),
        outcome(net, 1),
    ]
    steps += [
        outcome(net.update, 3),
        outcome(net.update, [1]),
        outcome(nn.ParameterDict().__setitem__, 3, t.ones(1))[0],
    ]
    del net["b"]
    net.clear()
    return [*steps, repr(net), repr(net.fromkeys(["x", "y"], 1)), outcome(net.__getitem__, "b")]


@program
def shared_module_twice(t):
    t.manual_seed(1)
    shared = t.nn.Linear(2, 2)
    net = t.nn.Sequential(shared, t.nn.ReLU(), shared)
    net(t.ones(1, 2)).sum().backward()
    return (
        repr(net),
        [n for n, _ in net.named_parameters()],
        net[0] is net[2],
        list(net.state_dict()),
    )


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
