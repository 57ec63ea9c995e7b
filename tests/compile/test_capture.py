"""What a capture sees and refuses: views, writes, random numbers, Python's values."""

import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.utils.checkpoint import checkpoint

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from programs import play, program

CASES = 60


def run_program(steps, values, compiled) -> tuple[Any, Any, Any]:
    """The value and gradient of a program, or its error."""
    leaf = rl.tensor(values, requires_grad=True)

    def f(x):
        total = play(steps, x)
        total.backward()
        return total.detach()

    run = rl.compile(f) if compiled else f
    try:
        found = [run(leaf).item() for _ in range(3)]
    except RuntimeError as error:
        return str(error).split(".")[0], None, run
    return found, leaf.grad.tolist(), run


@pytest.mark.parametrize("part", range(4))
def test_random_programs_of_views_and_writes(part):
    rl.manual_seed(0)
    values = rl.randn(3, 4).tolist()
    captured = 0
    for seed in range(part * CASES, (part + 1) * CASES):
        steps = program(seed)
        value, grad, _ = run_program(steps, values, False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found, found_grad, run = run_program(steps, values, True)
        if grad is None:
            assert found == value, seed
        else:  # gradients may meet in another order
            np.testing.assert_allclose(found, value, 1e-6, err_msg=str(seed))
            np.testing.assert_allclose(found_grad, grad, 1e-5, 1e-5, err_msg=str(seed))
        captured += bool(run.compiled.programs)
        if grad is not None:
            assert run.compiled.programs, (seed, run.explain())
    assert captured > CASES // 4


def test_closed_over_tensors_are_inputs_and_changed_ones_are_written_in_place():
    total, weight = rl.zeros(3), rl.ones(3)
    view, memory = total[1:], total.numpy()

    @rl.compile
    def f(x):
        total.add_(x * weight)
        return total.sum()

    for i in range(3):
        version = total._version
        assert f(rl.ones(3)).item() == 3 * (i + 1) + (3 if i == 2 else 0)
        assert total._version > version
        if i == 1:
            weight.mul_(2)
    assert memory.tolist() == [4.0, 4.0, 4.0] and view.tolist() == [4.0, 4.0]
    assert f.compiled.traces == 1


def test_an_argument_is_written_in_place():
    @rl.compile
    def f(x):
        x.mul_(2)
        x[0] = 7.0
        return x

    base = rl.arange(6.0)
    for _ in range(2):
        assert f(base[2:]) is not None
    assert base.tolist() == [0, 1, 7, 12, 16, 20]
    y = rl.ones(4)
    assert f(y) is y


def test_a_view_of_an_argument_shares_its_memory():
    f = rl.compile(lambda x: (x[1:], x.detach(), x + 1))
    for _ in range(2):
        x = rl.zeros(3)
        part, alias, new = f(x)
        x.fill_(5)
        assert part.tolist() == [5, 5] and alias.tolist() == [5, 5, 5] and new.tolist() == [1, 1, 1]


def test_results_are_new_memory_each_time():
    f = rl.compile(lambda x: (x * 2, rl.ones(2)))
    (a, one), (b, other) = f(rl.ones(2)), f(rl.ones(2))
    a.zero_()
    one.zero_()
    assert b.tolist() == [2, 2] and other.tolist() == [1, 1]
    assert f(rl.ones(2))[1].tolist() == [1, 1]


def test_random_numbers_come_from_the_live_stream_in_order():
    def f(x):
        a = rl.nn.functional.dropout(x, 0.5)
        b = rl.rand(3)
        c = x.new_empty(3).normal_()
        return a + 1, b, c, rl.randint(0, 100, (4,)), rl.randn(2, 2)

    run = rl.compile(f)
    x = rl.ones(16)
    rl.manual_seed(7)
    wanted = [f(x) for _ in range(3)]
    rl.manual_seed(7)
    for each in wanted:
        for a, b in zip(each, run(x), strict=True):
            assert a.tolist() == b.tolist()
    assert run.compiled.programs


def test_python_values_steer_by_guards():
    calls = []

    @rl.compile
    def f(x, times, mode="add"):
        calls.append(mode) if not rl.compiler.is_compiling() else None
        for _ in range(times):
            x = x + 1 if mode == "add" else x * 2
        return x

    x = rl.ones(2)
    assert f(x, 2).tolist() == [3, 3] and f(x, 3).tolist() == [4, 4]
    assert f(x, 2, mode="mul").tolist() == [4, 4] and f(x, 2).tolist() == [3, 3]
    assert f.compiled.traces == 3 and not calls


def test_a_global_or_attribute_that_changes_is_seen():
    class Config:
        scale = 1

    config = Config()
    config.scale = 2.0
    f = rl.compile(lambda x: x * config.scale)
    assert f(rl.ones(1)).item() == 2.0
    config.scale = 3.0
    assert f(rl.ones(1)).item() == 3.0
    assert f.compiled.traces == 2


def test_item_runs_eagerly_and_says_so_once_with_the_line():
    state = rl.zeros(2)

    def f(x):
        state.add_(x)
        if x.sum().item() > 1:  # the line
            return x * 2
        return x

    run = rl.compile(f)
    with pytest.warns(UserWarning, match=r"item\(\) needs the values.*test_capture.py:\d+"):
        assert run(rl.ones(2)).tolist() == [2, 2]
    assert run(rl.ones(2)).tolist() == [2, 2] and run(rl.zeros(2)).tolist() == [0, 0]
    assert state.tolist() == [2, 2]
    assert "item()" in run.explain()


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: bool((x > 0).all()),
        lambda x: repr(x),
        lambda x: f"{x.sum()}",
        lambda x: x.tolist(),
        lambda x: x.numpy(),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: float(x.sum()),
        lambda x: rl.tensor(np.ones(2)),
        lambda x: rl.from_numpy(np.ones(2)),
    ],
)
def test_fullgraph_makes_it_an_error_and_leaves_everything_as_it_was(ask):
    state, leaf = rl.zeros(2), rl.ones(2, requires_grad=True)
    rl.manual_seed(3)
    before = rl.get_rng_state()

    def f(x):
        state.add_(x)
        (leaf * x * rl.rand(2)).sum().backward()
        leaf.detach().mul_(3)
        ask(x)
        return x

    x = rl.ones(2)
    with pytest.raises(RuntimeError, match="fullgraph"):
        rl.compile(f, fullgraph=True)(x)
    assert state.tolist() == [0, 0] and leaf.tolist() == [1, 1] and leaf.grad is None
    assert state._version == 0 and rl.equal(before, rl.get_rng_state()) and x.tolist() == [1, 1]
    state.add_(1)
    assert (leaf * 2).sum().requires_grad


def test_errors_are_those_of_eager_mode():
    table = nn.Embedding(4, 2)

    def f(i):
        with rl.no_grad():
            return table(i)

    run = rl.compile(f)
    assert run(rl.tensor([1, 2])).shape == (2, 2)
    with pytest.raises(IndexError, match="index out of range in self"):
        run(rl.tensor([1, 4]))
    assert run(rl.tensor([3, 3])).shape == (2, 2)
    g = rl.compile(lambda a, b: a @ b)
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        g(rl.ones(2, 3), rl.ones(2, 3))


def test_python_state_that_changes_at_each_call_runs_eagerly():
    seen = []

    def f(x):
        seen.append(x + 1)
        return x * 2

    run = rl.compile(f)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for i in range(6):
            assert run(rl.ones(1)).item() == 2
            assert len(seen) == i + 1
    assert len(said) == 1 and "Python state" in str(said[0].message)


def test_the_number_of_programs_is_bounded_with_one_warning():
    run = rl.compile(lambda x, n: x + len(range(n)))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for n in range(20):
            assert run(rl.zeros(1), n).item() == n
    assert len(said) == 1 and run.compiled.traces == 8


def test_memory_shared_without_a_view_runs_eagerly_if_it_is_written():
    memory = np.zeros(3, np.float32)
    a, b = rl.from_numpy(memory), rl.from_numpy(memory)

    def f(x):
        a.add_(x)
        return b * 2

    run = rl.compile(f)
    with pytest.warns(UserWarning, match="share memory"):
        assert run(rl.ones(3)).tolist() == [2, 2, 2]
    assert run(rl.ones(3)).tolist() == [4, 4, 4]


def test_data_of_a_parameter_is_written_through():
    p = nn.Parameter(rl.ones(3))
    run = rl.compile(lambda x: p.data.mul_(x))
    for _ in range(3):
        run(rl.full((3,), 2.0))
    assert p.tolist() == [8, 8, 8]


def test_two_threads():
    f = rl.compile(lambda x: (x * 2).sum(-1))
    found = []

    def work(k):
        found.extend(bool(f(rl.full((4, k + 1), 1.0))[0] == 2 * (k + 1)) for _ in range(20))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 60 and all(found)


def test_compiled_functions_call_each_other_and_themselves():
    inner = rl.compile(lambda x: x * 2)

    @rl.compile
    def outer(x, n=3):
        return inner(x) if n == 0 else outer(x, n - 1) + 1

    assert outer(rl.ones(2)).tolist() == [5, 5]
    assert outer(rl.ones(2)).tolist() == [5, 5]
    assert outer.compiled.traces == 1 and inner.compiled.traces == 0


def test_empty_and_zero_dimensional_and_not_finite():
    f = rl.compile(lambda x: (x * 2 + 1, x.sum()))
    for x in (
        rl.zeros(0, 3),
        rl.tensor(2.0),
        rl.tensor([float("nan"), float("inf")]),
        rl.zeros(3, 2).t(),
    ):
        for _ in range(2):
            a, s = f(x)
            np.testing.assert_array_equal(a.numpy(), (x * 2 + 1).numpy())
            np.testing.assert_array_equal(s.numpy(), x.sum().numpy())


def test_disable_names_the_function():
    hidden = rl.compiler.disable(lambda x: x + 1, reason="it logs")
    with pytest.raises(RuntimeError, match="it logs"):
        rl.compile(lambda x: hidden(x), fullgraph=True)(rl.ones(1))
    assert hidden(rl.ones(1)).item() == 2


def test_arguments_of_pytorchs_compile_and_the_decorator():
    @rl.compile(fullgraph=True, dynamic=False, backend="inductor", mode="max-autotune", options={})
    def f(x):
        "Twice."
        return x + x

    assert f(rl.ones(1)).item() == 2 and f.__doc__ == "Twice." and f.__name__ == "f"
    g = lambda x: x
    assert rl.compile(g, disable=True) is g
    with pytest.raises(RuntimeError, match="expected a function or a Module"):
        rl.compile(3)


def test_check_compares_with_eager_mode_and_names_the_word():
    step = rl.compile(lambda x: (x.exp() + 1).log(), check=True)
    assert step(rl.ones(2)).shape == (2,) and step(rl.ones(2)).shape == (2,)
    (made,) = next(iter(step.compiled.programs.values()))
    first, *rest = made.graph.steps
    wrong = type(first)(first.results, "sin", first.args)  # a wrong word in the program
    made.graph = type(made.graph)(made.graph.inputs, [wrong, *rest], made.graph.outputs)
    made._built()
    assert first.word == "exp"
    with pytest.raises(RuntimeError, match=r"exp differs .*test_capture.py:\d+"):
        step(rl.ones(2))


def test_autocast_and_gradient_mode_are_guards():
    w = rl.ones(3, 3)
    f = rl.compile(lambda x: x @ w)
    with rl.autocast("cpu", dtype=rl.bfloat16):
        assert f(rl.ones(3, 3)).dtype is rl.bfloat16
        assert f(rl.ones(3, 3)).tolist() == [[3.0] * 3] * 3
    assert f(rl.ones(3, 3)).dtype is rl.float32
    with rl.no_grad():
        assert f(rl.ones(3, 3)).dtype is rl.float32
    assert f.compiled.traces == 3


def test_under_vmap_it_is_called_as_it_is():
    f = rl.compile(lambda x: x * 2)
    assert rl.func.vmap(f)(rl.ones(3, 2)).tolist() == [[2, 2]] * 3
    assert f.compiled.traces == 0
    g = rl.compile(rl.func.vmap(lambda x: x.sum() * 2))
    assert g(rl.ones(3, 2)).tolist() == [4, 4, 4] and g(rl.ones(3, 2)).tolist() == [4, 4, 4]


def test_reset_forgets():
    f = rl.compile(lambda x: x + 1)
    f(rl.ones(1))
    rl.compiler.reset()
    assert not f.compiled.programs and f(rl.ones(1)).item() == 2


def both_ways(f, *calls):
    """What calls give, eagerly and compiled, with the numbers drawn after them; the program."""
    found, run = [], rl.compile(f)
    for each in (f, run):
        rl.manual_seed(0)
        rl.randn(1)  # its twin is kept for the next draw
        found.append([*(each(*args) for args in calls), rl.rand(2)])
    for eager, compiled in zip(*found, strict=True):
        np.testing.assert_allclose(compiled.numpy(), eager.numpy(), 1e-6)
    return run.compiled


def test_the_kept_twin_of_a_normal_number_is_drawn_once():
    x = rl.ones(1)
    for f in (lambda x: x + rl.randn(3), lambda x: x + rl.randn(1) * rl.rand(1)):
        assert both_ways(f, (x,), (x,)).traces == 1


def test_a_seed_set_inside_is_set_at_each_call():
    def f(x):
        rl.manual_seed(3)
        return x + rl.rand(2)

    with pytest.warns(UserWarning, match="random numbers"):
        both_ways(f, (rl.ones(2),), (rl.ones(2),))


def test_a_checkpointed_dropout_has_one_mask():
    net = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 8))

    def f(x):
        net.zero_grad()
        checkpoint(net, x * rl.rand(1), use_reentrant=False).sum().backward()
        return net[0].weight.grad.clone()

    calls = [(rl.ones(4, 8) * n,) for n in (1, 2, 3, 4)]
    f(*calls[0])  # from now on there are gradients
    assert both_ways(f, *calls).traces == 1


def test_hooks_come_and_go():
    net = nn.Linear(2, 2)
    run = rl.compile(lambda x: net(x))
    plain = run(rl.ones(2))
    handle = net.register_forward_hook(lambda module, given, out: 2 * out)
    assert rl.equal(run(rl.ones(2)), 2 * plain)
    handle.remove()
    assert rl.equal(run(rl.ones(2)), plain)


def test_what_must_hold_is_looked_at_by_the_program():
    """One-hot vectors, a distribution's parameters, an average that has begun: no value needed."""
    one_hot = rl.compile(lambda i: nn.functional.one_hot(i, 3), fullgraph=True)
    assert one_hot(rl.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        one_hot(rl.tensor([1, 3]))

    def drawn(loc, scale):
        normal = rl.distributions.Normal(loc, scale)
        return normal.log_prob(normal.rsample())

    both_ways(drawn, (rl.ones(3), rl.ones(3)), (rl.ones(3), rl.ones(3)))
    with pytest.raises(ValueError, match="Expected parameter scale"):
        rl.compile(drawn, fullgraph=True)(rl.ones(2), rl.tensor([1.0, -1.0]))

    net = nn.Linear(2, 2)
    average = rl.optim.swa_utils.AveragedModel(net)
    update = rl.compile(lambda: average.update_parameters(net), fullgraph=True)
    for n in range(3):
        with rl.no_grad():
            net.weight.fill_(n)
        update()
    assert average.module.weight.tolist() == [[1, 1], [1, 1]] and average.n_averaged == 3


def test_a_mask_in_a_transformer_is_not_looked_at():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    net = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    mask = nn.Transformer.generate_square_subsequent_mask(6)
    run = rl.compile(lambda x: net(x, mask=mask), fullgraph=True)
    x = rl.randn(2, 6, 8)
    np.testing.assert_allclose(run(x).detach(), net(x, mask=mask).detach(), atol=1e-5)


@pytest.mark.parametrize("dtype", [rl.float16, rl.bfloat16])
def test_an_optimizer_of_half_parameters(dtype):
    def trained(compiled):
        rl.manual_seed(0)
        net = nn.Linear(4, 4).to(dtype)
        optimizer = rl.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

        def step(x):
            optimizer.zero_grad()
            loss = net(x).float().square().mean()
            loss.backward()
            optimizer.step()
            return loss

        run = rl.compile(step, fullgraph=True) if compiled else step
        return [run(rl.ones(3, 4, dtype=dtype)).item() for _ in range(5)]

    np.testing.assert_allclose(trained(True), trained(False), 2e-2)


def test_a_batch_of_none_has_a_native_program():
    def f(x, y):
        x = x.detach().requires_grad_()
        nn.functional.cross_entropy(x, y, reduction="sum").backward()
        return x.grad

    run = rl.compile(f)
    assert run(rl.ones(0, 3), rl.ones(0, dtype=rl.int64)).shape == (0, 3)
    assert run.compiled.programs
