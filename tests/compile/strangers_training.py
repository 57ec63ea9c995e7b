"""Programs as a stranger might write them, compiled beside eager mode: training loops."""

import copy

from strangers import mlp, prog

import rushlight as rl
from rushlight import nn

F = nn.functional


@prog
def list_losses(C):
    m = mlp()
    o = rl.optim.Adam(m.parameters(), 0.01)
    losses = []

    @C
    def step(x):
        l = m(x).square().mean()
        o.zero_grad()
        l.backward()
        o.step()
        losses.append(l.detach())
        return l

    r = [step(rl.randn(3, 4)) for _ in range(6)]
    return [r, losses, m, o]


@prog
def list_losses_outside(C):
    m = mlp()
    o = rl.optim.Adam(m.parameters(), 0.01)
    losses = []

    @C
    def step(x):
        l = m(x).square().mean() + 0.1 * len(losses)
        o.zero_grad()
        l.backward()
        o.step()
        return l

    for _ in range(6):
        losses.append(step(rl.randn(3, 4)).item())
    return [losses, m, o]


@prog
def early_stop_flag(C):
    m = mlp()
    o = rl.optim.SGD(m.parameters(), 0.1)
    stop = False

    @C
    def step(x):
        l = m(x).square().mean()
        o.zero_grad()
        l.backward()
        if not stop:
            o.step()
        return l

    r = []
    for i in range(8):
        stop = i in (4, 5)
        r.append(step(rl.ones(3, 4)))
    return [r, m]


@prog
def train_eval_inside(C):
    m = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4))
    o = rl.optim.SGD(m.parameters(), 0.1)

    @C
    def step(x):
        m.train()
        l = m(x).square().mean()
        o.zero_grad()
        l.backward()
        o.step()
        m.eval()
        with rl.no_grad():
            v = m(x).mean()
        return l, v

    return [[step(rl.randn(3, 4)) for _ in range(6)], m]


@prog
def train_eval_back(C):
    m = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))

    @C
    def step(x):
        m.eval()
        v = m(x).mean()
        m.train()
        return v + m(x).mean()

    return [[step(rl.randn(3, 4)) for _ in range(5)], m, rl.rand(1)]


@prog
def freezing(C):
    m = mlp()
    o = rl.optim.SGD(m.parameters(), 0.1, momentum=0.9)

    @C
    def step(x):
        l = m(x).square().mean()
        o.zero_grad()
        l.backward()
        o.step()
        return l

    r = []
    for i in range(9):
        if i == 3:
            m[0].requires_grad_(False)
        if i == 6:
            m[0].requires_grad_(True)
        r.append(step(rl.ones(3, 4)))
    return [r, m, o]


@prog
def replaced_layer(C):
    m = mlp()
    o = rl.optim.SGD(m.parameters(), 0.1)

    @C
    def step(x):
        l = m(x).square().mean()
        o.zero_grad()
        l.backward()
        o.step()
        return l

    r = []
    for i in range(6):
        if i == 3:
            m[2] = nn.Linear(5, 2)
            o.add_param_group({"params": m[2].parameters(), "lr": 0.5})
        r.append(step(rl.ones(3, 4)))
    return [r, m, o]


@prog
def replaced_param(C):
    m = mlp()
    f = C(lambda x: m(x).sum())
    r = []
    for i in range(5):
        if i == 2:
            m[0].weight = nn.Parameter(rl.randn(5, 4))
        if i == 4:
            m[0].bias = None
        r.append(f(rl.ones(3, 4)))
    return [r, m]


@prog
def groups_edited(C):
    m = mlp()
    o = rl.optim.AdamW(
        [{"params": m[0].parameters()}, {"params": m[2].parameters(), "lr": 0.2}], 0.1
    )

    @C
    def step(x):
        l = m(x).square().mean()
        o.zero_grad()
        l.backward()
        o.step()
        return l

    r = []
    for i in range(14):
        if i == 3:
            o.param_groups[0]["lr"] = 0.0
        if i == 5:
            o.param_groups[0]["lr"] = 0.3
        if i == 6:
            o.param_groups[1]["betas"] = (0.5, 0.6)
        if i == 7:
            o.param_groups[1]["weight_decay"] = 0
        if i == 9:
            o.param_groups[1]["maximize"] = True
        if i == 10:
            o.param_groups[1]["amsgrad"] = False
        if i == 11:
            o.param_groups.pop()
        if i == 12:
            o.param_groups[0]["params"].pop()
        r.append(step(rl.ones(3, 4)))
    return [r, m, o]


@prog
def lr_tensor(C):
    m = mlp()
    lr = rl.tensor(0.1)
    o = rl.optim.SGD(m.parameters(), lr)

    @C
    def step(x):
        l = m(x).square().mean()
        o.zero_grad()
        l.backward()
        o.step()
        return l

    r = []
    for i in range(6):
        lr.fill_(0.1 / (i + 1))
        r.append(step(rl.ones(3, 4)))
    return [r, m]


@prog
def load_between(C):
    m = mlp()
    o = rl.optim.Adam(m.parameters(), 0.05)

    @C
    def step(x):
        l = m(x).square().mean()
        o.zero_grad()
        l.backward()
        o.step()
        return l

    r = []
    for i in range(10):
        if i == 3:
            sd, so = copy.deepcopy(m.state_dict()), copy.deepcopy(o.state_dict())
        if i == 6:
            m.load_state_dict(sd)
            o.load_state_dict(so)
        if i == 8:
            m.load_state_dict(sd, assign=True)
        r.append(step(rl.ones(3, 4)))
    return [r, m, o]


@prog
def deep_copied(C):
    m = mlp()
    f = C(lambda x: m(x).sum())
    r = [f(rl.ones(2, 4)), f(rl.ones(2, 4))]
    k = m
    m = copy.deepcopy(m)
    with rl.no_grad():
        m[0].weight.zero_()
    r += [f(rl.ones(2, 4)), k(rl.ones(2, 4)).sum()]
    return r


@prog
def data_replaced(C):
    m = mlp()
    o = rl.optim.SGD(m.parameters(), 0.1, momentum=0.5)

    @C
    def step(x):
        l = m(x).square().mean()
        o.zero_grad()
        l.backward()
        o.step()
        return l

    r = []
    for i in range(8):
        if i == 3:
            m[0].weight.data = rl.ones(5, 4)
        if i == 5:
            m[0].weight.data = m[0].weight.data.t().contiguous().t()
        r.append(step(rl.ones(3, 4)))
    return [r, m, o]


@prog
def tying(C):
    e, l = nn.Embedding(6, 4), nn.Linear(4, 6, bias=False)
    l.weight = e.weight
    o = rl.optim.SGD([*{id(p): p for p in [*e.parameters(), *l.parameters()]}.values()], 0.1)

    @C
    def step(x):
        loss = F.cross_entropy(l(e(x)), x)
        o.zero_grad()
        loss.backward()
        o.step()
        return loss

    r = []
    for i in range(8):
        if i == 3:
            l.weight = nn.Parameter(e.weight.detach().clone())
        if i == 5:
            l.weight = e.weight
        r.append(step(rl.tensor([0, 3, 5])))
    return [r, e, l]


@prog
def tensor_hooks(C):
    m = mlp()
    seen = []

    @C
    def step(x):
        m.zero_grad()
        l = m(x).square().mean()
        l.backward()
        return l

    r = []
    for i in range(8):
        if i == 3:
            h = m[0].weight.register_hook(lambda g: g * 2)
        if i == 5:
            h.remove()
        if i == 6:
            m[0].bias.register_hook(lambda g: seen.append(1))
        r.append(step(rl.ones(3, 4)))
        r.append(m[0].weight.grad.clone())
    return [r, seen]


@prog
def exc_middle(C):
    m = mlp()
    o = rl.optim.SGD(m.parameters(), 0.1)
    r = []

    @C
    def step(x, bad):
        l = m(x).square().mean()
        o.zero_grad()
        l.backward()
        if bad:
            raise ValueError("bad")
        o.step()
        return l

    for i in range(8):
        try:
            r.append(step(rl.ones(3, 4), i % 3 == 2))
        except ValueError as e:
            r.append(str(e))
    return [r, m, o]


@prog
def grad_replaced(C):
    m = mlp()
    o = rl.optim.SGD(m.parameters(), 0.1)

    def step(x):
        l = m(x).square().mean()
        l.backward()
        o.step()
        o.zero_grad(set_to_none=False)
        return l

    step = C(step)
    r = []
    for i in range(8):
        if i == 3:
            m[0].weight.grad = None
        if i == 5:
            m[0].weight.grad = rl.ones(5, 4)
        r.append(step(rl.ones(3, 4)))
    return [r, m]


@prog
def sched_inside(C):
    m = mlp()
    o = rl.optim.SGD(m.parameters(), 0.1)
    s = rl.optim.lr_scheduler.ExponentialLR(o, 0.9)

    def step(x):
        l = m(x).square().mean()
        o.zero_grad()
        l.backward()
        o.step()
        s.step()
        return l

    step = C(step)
    return [[step(rl.ones(2, 4)) for _ in range(5)], m, o]


@prog
def sched_outside_lr_read(C):
    m = mlp()
    o = rl.optim.SGD(m.parameters(), 0.1)
    s = rl.optim.lr_scheduler.ExponentialLR(o, 0.9)

    def step(x):
        l = m(x).square().mean()
        o.zero_grad()
        l.backward()
        o.step()
        return l * o.param_groups[0]["lr"]

    step = C(step)
    r = []
    for _ in range(12):
        r.append(step(rl.ones(2, 4)))
        s.step()
    return [r, m, o]


@prog
def module_swap(C):
    class M(nn.Module):
        def __init__(s):
            super().__init__()
            s.layers = nn.ModuleList([nn.Linear(2, 2)])
            s.act = rl.tanh

        def forward(s, x):
            for l in s.layers:
                x = s.act(l(x))
            return x

    m = M()
    f = C(m)
    r = []
    for i in range(6):
        if i == 2:
            m.layers.append(nn.Linear(2, 2))
        if i == 4:
            m.act = rl.sigmoid
        r.append(f(rl.ones(1, 2)))
    return r


@prog
def index_err_stream2(C):
    m = nn.Sequential(nn.Embedding(5, 40), nn.Dropout(0.5), nn.Linear(40, 3))
    o = rl.optim.SGD(m.parameters(), 0.1)

    def f(i):
        l = F.cross_entropy(m(i), i)
        o.zero_grad()
        l.backward()
        o.step()
        return l

    f = C(f)
    r = []
    for k in range(8):
        try:
            r.append(f(rl.tensor([0, 1, k % 5])))
        except IndexError:
            r.append("IE")
        r.append(rl.rand(1))
    return [r, m]
