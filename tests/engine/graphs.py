"""Small graphs written by hand, and the comparison of a native program with the line of NumPy."""

from typing import Any

import numpy as np

from rushlight._arrays.meta import MetaArray, spec
from rushlight._engine import native
from rushlight._engine.capture import Capture
from rushlight._engine.graph import Graph, Step, Value
from rushlight._engine.straight import Straight


class Builder:
    """`b.input(shape)` is an input, `b.word(...)` a step: its result."""

    def __init__(self) -> None:
        self.count, self.inputs, self.steps = 0, [], []

    def _new(self, *described: Any) -> Value:
        self.count += 1
        return Value(self.count, *described)

    def input(self, shape: tuple, dtype: str = "float32") -> Value:
        made = self._new(shape, dtype)
        self.inputs.append(made)
        return made

    def __getattr__(self, word: str) -> Any:
        """A step's result, or a tuple of them."""

        def step(*args: Any, **params: Any) -> Value:
            given = [
                MetaArray(a.shape, a.dtype, a.strides) if isinstance(a, Value) else a for a in args
            ]
            made: Any = spec(word, tuple(given), params)
            several = bool(made) and bool(made[0]) and isinstance(made[0][0], tuple)
            results = tuple(self._new(*m[:3]) for m in (made if several else (made,)))
            self.steps.append(Step(results, word, args, params))
            return results if several else results[0]

        return step


def drawn(values: list[Value], seed: int = 0) -> list[np.ndarray]:
    """Random arrays for inputs."""
    random = np.random.default_rng(seed)
    return [np.asarray(random.normal(size=v.shape) * 2).astype(v.dtype) for v in values]


def same(
    b: Builder, outputs: list[Value], arrays: Any = None, tol: float = 2e-6, over: Any = None
) -> Any:
    """Check the native program against NumPy's line, twice; gives the program."""
    graph = Graph(b.inputs, b.steps, outputs).check()
    arrays = drawn(b.inputs) if arrays is None else arrays
    with np.errstate(all="ignore"):
        wanted = Straight(graph).run(*[a.copy() for a in arrays])
    program = native.build(graph, over)
    assert program is not None
    for _ in range(2):
        with np.errstate(all="ignore"):
            found = program.run(*[a.copy() for a in arrays])
        for want, got in zip(wanted, found, strict=True):
            assert (want.shape, want.dtype) == (got.shape, got.dtype)
            np.testing.assert_allclose(got, want, rtol=tol, atol=tol)
    return program


def traced(f: Any, *shapes: tuple, dtype: str = "float32") -> Graph:
    """What `f(m, arrays)` says, which ends as a loop does: (carried values, results)."""
    capture = Capture([], {})
    given = [capture.symbol(s, dtype) for s in shapes]
    capture.inputs += [("arg", i, s) for i, s in enumerate(given)]
    carry, ys = f(capture, given)
    return capture.graph([*carry, *(y for y in ys if y is not None)])
