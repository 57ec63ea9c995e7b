"""`autograd.functional`: derivatives of functions, against their formulas and against PyTorch."""

import pytest

import rushlight as rl


def results(torch):
    """Every function of the module, on one input and on two."""
    made = torch.autograd.functional
    x, y, v = (torch.tensor(n, dtype=torch.float64) for n in ([1.0, 2.0], [3.0, -1.0], [0.5, 2.0]))

    def cubes(x):
        return (x**3).sum()

    def mixed(x, y):
        return (x * y * y).sum()

    def pair(x):
        return x.sin(), x * x[0]

    return {
        "hessian": made.hessian(cubes, x),
        "hessian of two": made.hessian(mixed, (x, y)),
        "jacobian": made.jacobian(pair, x),
        "jacobian of two": made.jacobian(lambda a, b: a * b, (x, y)),
        "jacobian of a constant": made.jacobian(lambda a: torch.ones(2), x),
        "vjp": made.vjp(pair, x, (v, v)),
        "jvp": made.jvp(pair, x, v),
        "vhp": made.vhp(cubes, x, v),
        "vhp of two": made.vhp(mixed, (x, y), (v, v)),
        "hvp": made.hvp(cubes, x, v),
        "hvp of two": made.hvp(mixed, (x, y), (v, v)),
    }


def numbers(x):
    return [numbers(part) for part in x] if isinstance(x, tuple) else x.tolist()


def test_second_derivatives_by_formula():
    made = {name: numbers(x) for name, x in results(rl).items()}
    assert made["hessian"] == [[6, 0], [0, 12]]
    assert made["hessian of two"] == [
        [[[0, 0], [0, 0]], [[6, 0], [0, -2]]],
        [[[6, 0], [0, -2]], [[2, 0], [0, 4]]],
    ]
    assert made["vhp"] == made["hvp"] == [9, [3, 24]]
    assert made["jacobian of two"] == [[[3, 0], [0, -1]], [[1, 0], [0, 2]]]


def test_a_hessian_wants_one_number_and_may_be_differentiated():
    with pytest.raises(RuntimeError, match="single scalar"):
        rl.autograd.functional.hessian(lambda x: x * x, rl.ones(2))
    x = rl.ones(2, requires_grad=True)
    rl.autograd.functional.hessian(lambda x: (x**3).sum(), x, create_graph=True).sum().backward()
    assert x.grad.tolist() == [6, 6]


def compare(wanted, found):
    if isinstance(wanted, list):
        assert len(wanted) == len(found)
        for one, other in zip(wanted, found):
            compare(one, other)
    else:
        assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12)


def test_as_in_pytorch():
    ours, theirs = results(rl), results(pytest.importorskip("torch"))
    for name in ours:
        compare(numbers(theirs[name]), numbers(ours[name]))
