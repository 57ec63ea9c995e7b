"""Each pass over random graphs: the same results, bit for bit; and what it does to small ones."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight._engine.check import interpreted
from rushlight._engine.graph import Graph, Step, Value
from rushlight._engine.simplify import algebra, common, dead, fold, simplify
from rushlight._engine.straight import Straight

PASSES = {"fold": fold, "algebra": algebra, "common": common, "dead": dead, "all": simplify}
F32 = np.float32


@st.composite
def graphs(draw):
    """A graph over (3, 4) arrays: pointwise words, views, reductions, constants, writes."""
    values = [Value(0, (3, 4), F32), Value(1, (3, 4), F32)]
    inputs, steps, outputs = list(values), [], []

    def add(word, args, shape, params=None, strides=None):
        v = Value(len(inputs) + len(steps), shape, F32, strides)
        steps.append(Step((v,), word, args, params))
        return v

    for _ in range(draw(st.integers(1, 14))):
        v = draw(st.sampled_from(values))
        kind = draw(
            st.sampled_from("binary number unary view sum constant copy write cast".split())
        )
        if kind == "binary":
            other = draw(st.sampled_from([x for x in values if x.shape == v.shape]))
            made = add(
                draw(st.sampled_from("add subtract multiply maximum".split())), (v, other), v.shape
            )
        elif kind == "number":
            n = draw(st.sampled_from([0, 1, 0.0, -0.0, 1.0, 2.5]))
            made = add(
                draw(st.sampled_from("add subtract multiply divide".split())), (v, n), v.shape
            )
        elif kind == "unary":
            made = add(draw(st.sampled_from("negative exp tanh abs".split())), (v,), v.shape)
        elif kind == "view" and len(v.shape) == 2:
            made = add("permute_dims", (v, (1, 0)), v.shape[::-1], None, v.strides[::-1])
        elif kind == "view":
            made = add("reshape", (v, (v.size,)), (v.size,))
        elif kind == "sum":
            made = add("sum", (v,), v.shape, {"axis": ()})
        elif kind == "constant":
            made = add(
                "full",
                (v.shape, draw(st.sampled_from([0.0, -0.0, 1.0, 3.0])), np.dtype(F32)),
                v.shape,
            )
        elif kind == "write" and v.shape:
            made = add("write", (v, 2.0, 0), v.shape)
        elif kind == "cast":
            made = add("astype", (v, np.dtype(F32)), v.shape)
        else:
            made = add(draw(st.sampled_from(["copy", "alias"])), (v,), v.shape, None, v.strides)
        values.append(made)
    outputs = draw(st.lists(st.sampled_from(values), min_size=1, max_size=4))
    return Graph(inputs, steps, outputs).check()


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    made = rng.standard_normal((2, 3, 4)).astype(F32)
    made[0, 0] = [0.0, -0.0, np.inf, np.nan]
    return [made[0].copy(), made[1].copy()]


def bits(found):
    return [
        (a.shape, a.dtype.str, np.ascontiguousarray(a).tobytes()) for a in map(np.asarray, found)
    ]


def outcome(graph):
    values = interpreted(graph, arrays())
    return [np.asarray(values[v.id]) for v in graph.outputs]


def alike(found, wanted):
    """Equal bit for bit, but for the sign and payload of not-a-number."""
    for a, b in zip(found, wanted, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape and a.dtype == b.dtype
        numbers = ~np.isnan(a)
        assert (numbers == ~np.isnan(b)).all()
        assert (a[numbers] == b[numbers]).all() and (np.signbit(a) == np.signbit(b))[numbers].all()


@pytest.mark.parametrize("name", PASSES)
@given(graph=graphs())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_pass_changes_no_result(name, graph):
    with np.errstate(all="ignore"):
        alike(outcome(PASSES[name](graph).check()), outcome(graph))


@given(graph=graphs(), simple=st.booleans())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_straight_line_gives_the_same_in_memory_of_its_own(graph, simple):
    wanted = outcome(graph)
    run = Straight(simplify(graph) if simple else graph).run
    with np.errstate(all="ignore"):
        given = arrays()
        first = run(*given)
        kept = bits(first)
        second = run(*arrays(1))
    alike(first, wanted)
    assert bits(first) == kept  # the second run wrote on nothing of the first's
    assert bits(given) == bits(arrays())
    memory = [*first, *second, *given]
    for i, a in enumerate(memory):
        assert not any(np.may_share_memory(a, b) for b in memory[:i] if a.size and b.size)


def test_exact_algebra_only():
    x = Value(0, (2,), F32)

    def left(word, n):
        v = Value(1, (2,), F32)
        return len(simplify(Graph([x], [Step((v,), word, (x, n))], [v])))

    assert left("multiply", 1) == 0 and left("divide", 1.0) == 0 and left("add", -0.0) == 0
    assert left("subtract", 0.0) == 0 and left("subtract", 0) == 0
    assert left("add", 0.0) == 1  # -0.0 + 0.0 is 0.0
    assert left("multiply", 0) == 1  # infinity times 0 is not a number


def test_draws_and_checks_are_never_dead_nor_common():
    a, b = Value(0, (2,), np.uint64), Value(1, (2,), np.uint64)
    steps = [Step((v,), "bits", ((2,), 64, None)) for v in (a, b)]
    assert len(simplify(Graph([], steps, []))) == 2


def test_a_graph_that_reads_what_is_not_made_is_refused():
    a, b = Value(0, (), F32), Value(1, (), F32)
    with pytest.raises(ValueError, match="before it is made"):
        Graph([], [Step((b,), "exp", (a,))], [b]).check()
    with pytest.raises(ValueError, match="never made"):
        Graph([], [], [a]).check()
    assert (
        str(Graph([a], [Step((b,), "exp", (a,), {}, "f.py:3")], [b]))
        .splitlines()[1]
        .endswith("# f.py:3")
    )


def test_importing_rushlight_leaves_the_engine_alone():
    code = "import sys, rushlight; print(any('_engine' in m for m in sys.modules))"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
