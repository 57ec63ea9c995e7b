"""The first call of a training step is compiled: its optimizer's state was made beforehand."""

import pytest

import rushlight as rl
from rushlight import nn
from rushlight._engine import program

F = nn.functional
optim = rl.optim

OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, maximize=True),
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "adamw": lambda p: optim.AdamW(p, lr=0.01, amsgrad=True),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.01, initial_accumulator_value=0.1),
    "adadelta": lambda p: optim.Adadelta(p),
    "adamax": lambda p: optim.Adamax(p),
    "nadam": lambda p: optim.NAdam(p),
    "radam": lambda p: optim.RAdam(p),
    "rprop": lambda p: optim.Rprop(p),
    "asgd": lambda p: optim.ASGD(p),
}


def trainer(make, also=lambda x: None):
    """A network, its optimizer and a step that calls `also` at its end."""
    rl.manual_seed(0)
    net = nn.Sequential(nn.Linear(12, 7), nn.ReLU(), nn.Linear(7, 3))
    opt = make(net.parameters())
    minus = rl.full((7,), -0.0)  # gradients of -0.0 too

    def step(x):
        opt.zero_grad()
        loss = net(x).square().mean() + (net[0].bias * minus).sum() * 0.0
        loss.backward()
        opt.step()
        opt.zero_grad()
        also(loss)
        return loss

    return net, opt, step


def bits(opt):
    """What a state_dict holds, to the last bit and in its order."""
    state = opt.state_dict()["state"]
    return {
        i: [(k, v.dtype, v.stride(), v.numpy().tobytes()) for k, v in kept.items()]
        for i, kept in state.items()
    }


def batch():
    return rl.randn(8, 12, generator=rl.Generator().manual_seed(1))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_is_that_of_an_eager_step(name):
    found = []
    for compiled in (False, True):
        net, opt, step = trainer(OPTIMIZERS[name])
        run = rl.compile(step, fullgraph=True) if compiled else step
        told = []
        for _ in range(3):
            told.append((run(batch()).item(), bits(opt)))
        found.append((told, [p.detach().numpy().tobytes() for p in net.parameters()]))
    assert found[0] == found[1]
    assert run.compiled.traces == 1 and not run.compiled.reasons


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_buffer_begins_as_the_gradient_zeros_signs_included(sign):
    buffers = []
    for compiled in (False, True):
        p = nn.Parameter(rl.ones(2))
        opt = optim.SGD([p], lr=0.1, momentum=0.9)
        zeros = rl.full((2,), 0.0 * sign)

        def step(p=p, opt=opt, zeros=zeros):
            (p * zeros).sum().backward()
            opt.step()
            opt.zero_grad()

        (rl.compile(step, fullgraph=True) if compiled else step)()
        buffers.append(opt.state[p]["momentum_buffer"].numpy().tobytes())
    assert buffers[0] == buffers[1]


@pytest.mark.parametrize("options", [{"dampening": 0.5}, {"dampening": 0.1, "maximize": True}])
def test_a_first_step_unlike_the_others_is_eager(options):
    found = []
    for compiled in (False, True):
        _, opt, step = trainer(lambda p: optim.SGD(p, lr=0.1, momentum=0.9, **options))
        run = rl.compile(step) if compiled else step
        run(batch())
        first = bits(opt)
        run(batch())
        found.append((first, bits(opt)))
    assert found[0] == found[1]
    assert run.compiled.traces == 2


def test_a_trace_that_is_refused_leaves_no_state():
    _, opt, step = trainer(OPTIMIZERS["adam"], lambda loss: loss.item())
    with pytest.raises(RuntimeError, match="fullgraph"):
        rl.compile(step, fullgraph=True)(batch())
    assert opt.state_dict()["state"] == {} and not opt.state

    _, eager, plain = trainer(OPTIMIZERS["adam"], lambda loss: loss.item())
    with pytest.warns(UserWarning, match="run eagerly"):
        rl.compile(step)(batch())
    plain(batch())
    assert bits(opt) == bits(eager)


def test_a_call_that_changes_python_state_leaves_only_an_eager_steps():
    seen = []
    _, opt, step = trainer(OPTIMIZERS["momentum"], lambda loss: seen.append(1))
    _, eager, plain = trainer(OPTIMIZERS["momentum"])
    run = rl.compile(step)
    run(batch()), plain(batch())
    assert seen == [1] and run.compiled.programs == {}
    assert bits(opt) == bits(eager)


def test_a_run_that_refuses_its_values_leaves_no_state():
    table = nn.Embedding(5, 3)
    opt = optim.Adam(table.parameters())

    @rl.compile
    def step(i):
        table(i).sum().backward()
        opt.step()
        opt.zero_grad()

    with pytest.raises(IndexError):
        step(rl.tensor([1, 9]))
    assert not opt.state and step.compiled.programs.popitem()[1] == []
    step.compiled.programs.clear()
    table.weight.grad = None
    step(rl.tensor([1, 3]))
    assert opt.state[table.weight]["step"].item() == 1


def test_a_program_that_cannot_be_made_leaves_no_state(monkeypatch):
    def broken(self, capture):
        raise ValueError("no program")

    monkeypatch.setattr(program.Program, "_compile", broken)
    _, opt, step = trainer(OPTIMIZERS["adam"])
    run, sizes = rl.compile(step), []
    once = run.compiled._program

    def watched(*call):
        made = once(*call)
        sizes.append(len(opt.state))
        return made

    monkeypatch.setattr(run.compiled, "_program", watched)
    run(batch())
    assert sizes == [0] and len(opt.state) == 4 and "no program" in run.compiled.reasons[0]


def test_parameters_without_a_gradient_get_no_state():
    net, opt, _ = trainer(OPTIMIZERS["adam"])
    net[0].bias.requires_grad_(False)

    @rl.compile
    def step(x):
        net(x).sum().backward()
        opt.step()
        opt.zero_grad()

    step(batch())
    assert list(opt.state_dict()["state"]) == [0, 2, 3] and step.compiled.traces == 1


def test_state_that_came_from_a_checkpoint_is_kept():
    _, one, step = trainer(OPTIMIZERS["adam"])
    step(batch())
    _, other, again = trainer(OPTIMIZERS["adam"])
    other.load_state_dict(one.state_dict())
    run = rl.compile(again, fullgraph=True)
    run(batch())
    assert run.compiled.traces == 1 and other.state_dict()["state"][0]["step"].item() == 2
