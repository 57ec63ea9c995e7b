"""Which forms of the reductions there are, and what they make of nothing."""

import numpy as np
import pytest

import rushlight as rl

WRONG = [
    (name, kwargs)
    for name in ("sum", "mean", "prod", "max", "min", "median", "nanmedian")
    for kwargs in ({"keepdim": True}, {"dim": 0.5}, {"dim": "a"}, {"dim": True})
] + [
    ("prod", {"dim": (0, 1)}), ("prod", {"dim": []}), ("max", {"dim": None, "keepdim": True}),
    ("prod", {"dim": None, "keepdim": True}), ("amax", {"dim": 0.5}), ("argmax", {"dim": True}),
    ("std", {"dim": "a"}), ("all", {"dim": True}), ("norm", {"dim": True}),
    ("cumsum", {"dim": True}), ("logsumexp", {"dim": 0.5}),
]  # fmt: skip
RIGHT = [
    ("sum", {"dim": None, "keepdim": True}), ("mean", {"dim": None, "keepdim": True}),
    ("amax", {"keepdim": True}), ("all", {"keepdim": True}), ("argmax", {"keepdim": True}),
    ("norm", {"keepdim": True}), ("std", {"keepdim": True}), ("sum", {"axis": 0, "keepdims": True}),
    ("prod", {"dim": -1, "keepdim": True}), ("prod", {"dim": np.int64(0)}), ("sum", {"dim": ()}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kwargs"), WRONG)
def test_forms_that_there_are_not(name, kwargs):
    for call in (getattr(rl, name), lambda x, **given: getattr(x, name)(**given)):
        with pytest.raises(TypeError):
            call(rl.ones(2, 3), **kwargs)


@pytest.mark.parametrize(("name", "kwargs"), WRONG + RIGHT)
def test_forms_are_pytorchs(name, kwargs):
    torch, found = pytest.importorskip("torch"), []
    for lib in (rl, torch):
        try:
            made = getattr(lib, name)(lib.arange(6.0).reshape(2, 3), **kwargs)
            found.append([m.tolist() for m in made] if isinstance(made, tuple) else made.tolist())
        except TypeError:
            found.append(TypeError)
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["std", "var", "norm", "nanmean", "quantile"])
def test_out_takes_the_result(name):
    out, given = rl.empty(0), (0.5,) if name == "quantile" else ()
    x = rl.arange(6.0).reshape(2, 3)
    made = getattr(rl, name)(x, *given, dim=1, out=out)
    assert made is out and out.tolist() == getattr(rl, name)(x, *given, dim=1).tolist()


EMPTY = {
    "float32": float("nan"), "float64": float("nan"), "float16": float("nan"), "int64": -(2**63),
    "int32": -(2**31), "int16": 0, "int8": 0, "uint8": 0, "bool": True,
}  # fmt: skip


@pytest.mark.parametrize("name", ["median", "nanmedian"])
@pytest.mark.parametrize("dtype", EMPTY)
def test_the_median_of_nothing(name, dtype):
    made = getattr(rl, name)(rl.empty((0, 3), dtype=getattr(rl, dtype)))
    assert made.dtype is getattr(rl, dtype)
    np.testing.assert_equal(made.item(), EMPTY[dtype])


def _of_nothing(t):
    """Shapes or kinds of error of what picks elements, over empty axes and beside them."""
    found = {}
    names = (
        "max min amax amin median nanmedian mode aminmax argmax argmin kthvalue quantile".split()
    )
    for name in names:
        for dtype in ("float32", "int16", "bool", "complex64"):
            for shape, dim in (((0,), 0), ((0, 3), 0), ((0, 3), 1), ((3, 0), -1), ((0, 3), None)):
                if dtype == "complex64" and name.startswith(("a", "mode")):
                    continue
                x = t.empty(shape, dtype=getattr(t, dtype))
                given = [0.5] if name == "quantile" else [1] if name == "kthvalue" else []
                try:
                    made = getattr(t, name)(x, *given, **({} if dim is None else {"dim": dim}))
                    made = made if isinstance(made, tuple) else (made,)
                    said = [(str(m.dtype), tuple(m.shape)) for m in made]
                except (RuntimeError, IndexError) as error:
                    said = type(error).__name__
                found[name, dtype, shape, dim] = said
    return found


def test_picking_from_nothing_says_that_it_is_empty_first():
    found = _of_nothing(rl)
    for name in "max min amax median mode aminmax kthvalue argmax".split():
        for dtype in ("float32", "int16"):
            assert found[name, dtype, (0, 3), 0] == "IndexError", name
    assert found["median", "bool", (0,), 0] == found["max", "complex64", (0,), 0] == "IndexError"


def test_picking_from_nothing_is_pytorchs():
    assert _of_nothing(rl) == _of_nothing(pytest.importorskip("torch"))
