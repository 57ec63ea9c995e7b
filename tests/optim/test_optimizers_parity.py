"""Every optimizer against PyTorch's over many steps, and state dicts both ways."""

import io

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"maximize": True, "lr": 0.1, "eps": 1e-4, "betas": (0.5, 0.6)}),
    ("Adam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adam", {"foreach": True}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"amsgrad": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("RMSprop", {"centered": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("Adadelta", {}),
    ("Adadelta", {"weight_decay": 0.1, "maximize": True}),
    ("Adamax", {}),
    ("Adamax", {"weight_decay": 0.1}),
    ("NAdam", {}),
    ("NAdam", {"weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.01}),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("ASGD", {}),
    ("ASGD", {"t0": 3, "weight_decay": 0.1}),
    ("Rprop", {}),
    ("Rprop", {"maximize": True, "lr": 0.1}),
]
IDS = [f"{name}-{'-'.join(options) or 'plain'}" for name, options in CASES]
SHAPES = [(3, 4), (), (5,), (0,), (2, 3, 2)]
# Sixteen roundings a step over thirty steps, of values near one.
TOLERANCE = {"float32": 2e-5, "float64": 1e-12, "complex64": 2e-5, "bfloat16": 0.1}


def drawn(rng, shape, dtype):
    made = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        made = made + 1j * rng.standard_normal(shape)
    return made.astype("float32" if dtype == "bfloat16" else dtype)


def ours(array, dtype):
    return rl.tensor(np.array(array)).to(getattr(rl, dtype))


def theirs(array, dtype):
    return torch.tensor(np.array(array)).to(getattr(torch, dtype))


def numbers(tensor):
    if "bfloat16" in str(tensor.dtype):
        tensor = tensor.float()
    return tensor.detach().numpy()


def run(name, options, dtype, steps=30, shapes=SHAPES):
    """Parameters and optimizers of both, after the same steps."""
    rng = np.random.default_rng(1)
    starts = [drawn(rng, shape, dtype) for shape in shapes]
    a = [theirs(start, dtype).requires_grad_() for start in starts]
    b = [ours(start, dtype).requires_grad_() for start in starts]
    first, second = getattr(torch.optim, name)(a, **options), getattr(rl.optim, name)(b, **options)
    for _ in range(steps):
        for x, y in zip(a, b, strict=True):
            grad = drawn(rng, tuple(x.shape), dtype)
            x.grad, y.grad = theirs(grad, dtype), ours(grad, dtype)
        first.step()
        second.step()
    return a, b, first, second


def compare(a, b, tolerance):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(numbers(y), numbers(x), rtol=tolerance, atol=tolerance)


def compare_states(first, second, tolerance):
    a, b = first.state_dict(), second.state_dict()
    assert a["param_groups"] == b["param_groups"]
    assert list(a["state"]) == list(b["state"])
    for key, state in a["state"].items():
        assert list(state) == list(b["state"][key])
        for name, value in state.items():
            mine = b["state"][key][name]
            assert str(mine.dtype) == str(value.dtype), name
            np.testing.assert_allclose(
                numbers(mine), numbers(value), rtol=tolerance, atol=tolerance
            )


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_steps_give_pytorchs_values_and_state(name, options, dtype):
    a, b, first, second = run(name, options, dtype)
    compare(a, b, TOLERANCE[dtype])
    compare_states(first, second, TOLERANCE[dtype])
    assert repr(first) == repr(second)


@pytest.mark.parametrize(("name", "options"), CASES[::3], ids=IDS[::3])
@pytest.mark.parametrize("dtype", ["complex64", "bfloat16"])
def test_other_dtypes(name, options, dtype):
    shapes = [(3, 4), (5,)]
    a, b, _, _ = run(name, options, dtype, steps=5, shapes=shapes)
    compare(a, b, TOLERANCE[dtype])


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_states_go_both_ways(name, options):
    a, b, first, second = run(name, options, "float32", steps=3)
    rng = np.random.default_rng(2)
    saved_first, saved_second = first.state_dict(), second.state_dict()
    second.load_state_dict(changed(saved_first, lambda t: ours(numbers(t), "float32")))
    first.load_state_dict(changed(saved_second, lambda t: theirs(numbers(t), "float32")))
    for _ in range(3):
        for x, y in zip(a, b, strict=True):
            grad = drawn(rng, tuple(x.shape), "float32")
            x.grad, y.grad = theirs(grad, "float32"), ours(grad, "float32")
        first.step()
        second.step()
    compare(a, b, TOLERANCE["float32"])
    compare_states(first, second, TOLERANCE["float32"])


def changed(value, convert):
    """The same nest with its tensors converted."""
    if isinstance(value, dict):
        return {key: changed(item, convert) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(changed(item, convert) for item in value)
    return convert(value) if hasattr(value, "detach") else value


@pytest.mark.parametrize(
    "options", [{}, {"weight_decay": 0.1, "maximize": True}, {"d": 2.0, "eps": (1e-5, 1e-2)}]
)
def test_adafactor(options):
    a, b, first, second = run("Adafactor", options, "float64", shapes=[(3, 4), (5,), (2, 3, 2), ()])
    compare(a, b, 1e-10)
    compare_states(first, second, 1e-10)
    assert repr(first) == repr(second)


@pytest.mark.parametrize(
    "options", [{}, {"nesterov": False, "adjust_lr_fn": "match_rms_adamw"}, {"lr": 0.1}]
)
def test_muon(options):
    a, b, first, second = run("Muon", options, "float32", steps=5, shapes=[(6, 4), (3, 5)])
    compare(a, b, 5e-3)  # its matrices are in bfloat16: eight bits
    compare_states(first, second, 1e-5)
    assert repr(first) == repr(second)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
@pytest.mark.parametrize("history", [100, 3])
def test_lbfgs_on_rosenbrock(search, history):
    def minimise(module):
        x = module.tensor([-1.2, 1.0, 0.7], dtype=module.float64, requires_grad=True)
        optimizer = module.optim.LBFGS(
            [x],
            lr=0.5 if search is None else 1,
            max_iter=8,
            line_search_fn=search,
            history_size=history,
        )
        losses = []

        def closure():
            optimizer.zero_grad()
            loss = ((1 - x[:-1]) ** 2 + 10 * (x[1:] - x[:-1] ** 2) ** 2).sum()
            loss.backward()
            losses.append(loss.item())
            return loss

        returned = [optimizer.step(closure).item() for _ in range(6)]
        return x.detach().numpy(), losses, returned

    for mine, theirs_ in zip(minimise(rl), minimise(torch), strict=True):
        np.testing.assert_allclose(mine, theirs_, rtol=1e-6, atol=1e-9)


# With these PyTorch itself refuses to go back through a second step ("modified by an inplace
# operation"); test_optimizers.py checks ours by finite differences.
ONE_STEP = "amsgrad", "centered"


@pytest.mark.parametrize(
    ("name", "options"),
    [c for c in CASES if not c[1].get("foreach") and c[0] not in ("ASGD", "Rprop")],
)
def test_a_differentiable_step_has_pytorchs_gradients(name, options):
    once = name == "Adamax" or any(option in options for option in ONE_STEP)

    def gradient(module):
        weight = module.tensor([1.0, -2.0, 3.0], dtype=module.float64, requires_grad=True)
        x = weight * 1.5
        optimizer = getattr(module.optim, name)([x], **options, differentiable=True)
        for factor in (1.0,) if once else (1.0, -0.5, 2.0):
            x.grad = weight * factor + 0.1
            optimizer.step()
        (x**2).sum().backward()
        return weight.grad.numpy()

    # PyTorch computes the corrections in float32 in this mode: 0.999**t costs four digits.
    np.testing.assert_allclose(gradient(rl), gradient(torch), rtol=2e-4, atol=2e-4)


def test_a_learning_rate_with_gradient():
    def gradient(module):
        lr = module.tensor(0.1, dtype=module.float64, requires_grad=True)
        x = module.tensor([1.0, -2.0], dtype=module.float64, requires_grad=True) * 1
        optimizer = module.optim.SGD([x], lr=lr, momentum=0.9, differentiable=True)
        x.grad = (2 * x).detach()
        optimizer.step()
        (x**2).sum().backward()
        return lr.grad.numpy()

    np.testing.assert_allclose(gradient(rl), gradient(torch), rtol=1e-10)


WRONG = [
    ("SGD", {"lr": -1.0}),
    ("SGD", {"lr": 0.1, "momentum": -0.5}),
    ("SGD", {"lr": 0.1, "weight_decay": -0.5}),
    ("SGD", {"lr": 0.1, "nesterov": True}),
    ("SGD", {"lr": 0.1, "fused": True, "foreach": True}),
    ("Adam", {"lr": -1.0}),
    ("Adam", {"eps": -1.0}),
    ("Adam", {"betas": (1.0, 0.9)}),
    ("Adam", {"betas": (0.9, -0.1)}),
    ("Adam", {"betas": (0.9, 1)}),
    ("Adam", {"betas": (0.9,)}),
    ("AdamW", {"betas": ()}),
    ("RAdam", {"betas": [0.9]}),
    ("Adam", {"weight_decay": -1}),
    ("Adam", {"fused": True, "differentiable": True}),
    ("RMSprop", {"alpha": -1.0}),
    ("RMSprop", {"momentum": -1.0}),
    ("Adagrad", {"lr_decay": -1.0}),
    ("Adagrad", {"initial_accumulator_value": -1.0}),
    ("Adadelta", {"rho": 1.1}),
    ("NAdam", {"momentum_decay": -0.2}),
    ("Rprop", {"etas": (1.0, 0.5)}),
    ("Adafactor", {"lr": -1.0}),
    ("Adafactor", {"d": 0.5}),
    ("Muon", {}),
    ("Muon", {"adjust_lr_fn": "none"}),
]


@pytest.mark.parametrize(("name", "options"), WRONG)
def test_wrong_options_are_refused_in_the_same_words(name, options):
    def refusal(module):
        with pytest.raises((ValueError, RuntimeError, IndexError)) as caught:
            getattr(module.optim, name)([module.zeros(2, requires_grad=True)], **options)
        return type(caught.value), str(caught.value)

    assert refusal(rl) == refusal(torch)


def group_errors(module):
    x, y = module.zeros(2, requires_grad=True), module.ones(2, requires_grad=True)
    sgd = module.optim.SGD
    yield lambda: sgd(x, lr=0.1)
    yield lambda: sgd([], lr=0.1)
    yield lambda: sgd([x * 1], lr=0.1)
    yield lambda: sgd([3], lr=0.1)
    yield lambda: sgd([{"params": {x, y}}], lr=0.1)
    yield lambda: sgd([{"params": x}, {"params": x}], lr=0.1)
    yield lambda: sgd([("a", x), y], lr=0.1)
    yield lambda: sgd([x], lr=0.1).add_param_group([y])
    yield lambda: sgd([("a", x)], lr=0.1).add_param_group({"params": y})
    yield lambda: sgd([x], lr=0.1).load_state_dict(sgd([{"params": x}, {"params": y}]).state_dict())
    yield lambda: sgd([x], lr=0.1).load_state_dict(sgd([x, y]).state_dict())


@pytest.mark.parametrize("number", range(11))
def test_wrong_parameters_are_refused_in_the_same_words(number):
    def refusal(module):
        with pytest.raises((ValueError, TypeError)) as caught:
            list(group_errors(module))[number]()
        return type(caught.value), str(caught.value)

    (mine, text), (kind, expected) = refusal(rl), refusal(torch)
    assert mine is kind
    assert text.startswith(expected.rstrip("."))


@pytest.mark.parametrize(("name", "options"), CASES[::2], ids=IDS[::2])
def test_saved_files_go_both_ways(name, options):
    a, b, first, second = run(name, options, "float32", steps=3, shapes=[(3, 4), (5,)])
    mine, theirs_ = io.BytesIO(), io.BytesIO()
    rl.save(second.state_dict(), mine)
    torch.save(first.state_dict(), theirs_)
    for file in (mine, theirs_):
        file.seek(0)
    first.load_state_dict(torch.load(mine))
    second.load_state_dict(rl.load(theirs_))
    rng = np.random.default_rng(2)
    for x, y in zip(a, b, strict=True):
        grad = drawn(rng, tuple(x.shape), "float32")
        x.grad, y.grad = theirs(grad, "float32"), ours(grad, "float32")
    first.step()
    second.step()
    compare(a, b, TOLERANCE["float32"])
    compare_states(first, second, TOLERANCE["float32"])


def test_schedulers_of_files_go_on():
    def saved(module):
        x = module.zeros(1, requires_grad=True)
        optimizer = module.optim.SGD([x], lr=0.1)
        scheduler = module.optim.lr_scheduler.MultiStepLR(optimizer, [1, 2])
        optimizer.step()
        scheduler.step()
        file = io.BytesIO()
        module.save({"s": scheduler.state_dict(), "o": optimizer.state_dict()}, file)
        file.seek(0)
        return file

    state = torch.load(saved(rl), weights_only=False)
    assert state["s"]["last_epoch"] == 1
    assert state["o"]["param_groups"][0]["lr"] == pytest.approx(0.01)
    state = rl.load(saved(torch), weights_only=False)
    assert state["s"]["_last_lr"] == pytest.approx([0.01])
