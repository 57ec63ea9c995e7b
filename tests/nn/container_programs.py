"""Programs about containers."""

from collections import OrderedDict

from nn_programs import outcome, program

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
