"""Programs about walking, registering, parameters and moving."""

# ruff: noqa: E501  (a table reads best with one entry a line)

import copy
import pickle

from nn_programs import net_of, outcome, program

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
