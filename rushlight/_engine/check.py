"""`compile(check=True)`: eager mode beside each program, and the first difference by name."""

from typing import Any

import numpy as np

from .capture import noted, undone
from .graph import Graph
from .loops import unrolled
from .program import Program
from .results import tensors_in
from .simplify import call

RTOL, ATOL = 1e-5, 1e-6  # of float32; kernels may add in another order than NumPy does
SUMS = 3e-5  # of the largest: what is left of terms that cancel (met in gradients of norms)


def checked(compiled: Any, program: Program, tensors: list, args: tuple, kwargs: dict) -> Any:
    """The program's result, after eager mode gave the same.

    Raises:
        RuntimeError: naming the word and the user's line of the first difference.
    """
    before = _State(program, tensors)
    arrays = [a.copy() for a in before.arrays]
    given = program.run(tensors)
    ours = _State(program, tensors)
    results = [t.array.copy() for t in tensors_in(given)]
    before.restore()
    eager = compiled.f(*args, **kwargs)
    wanted = [t.array for t in tensors_in(eager)]
    theirs = _State(program, tensors)
    pairs = [
        *zip(results, wanted), *zip(ours.arrays, theirs.arrays), *zip(ours.grads, theirs.grads),
    ]  # fmt: skip
    if all(close(a, b) for a, b in pairs) and len(results) == len(wanted):
        return eager
    raise RuntimeError(f"compile(check=True): {_first(program, tensors, arrays, before)}")


class _State:
    """The memory that a program reads or writes, as it is now."""

    def __init__(self, program: Program, tensors: list) -> None:
        self.tensors = [t for t in program.owners(tensors) if t is not None]
        self.arrays = [t.array.copy() for t in self.tensors]
        self.versions = [t.version[0] for t in self.tensors]
        self.leaves = [tensors[x] if isinstance(x, int) else x for x, *_ in program.gradients]
        self.held = [x.grad for x in self.leaves]
        self.grads = [None if g is None else g.array.copy() for g in self.held]
        acts = [h.touched for h in program.hosts] + [touched for *_, touched in program.after]
        self.small = noted([x for touched in acts for x in touched])
        self.streams = [(s, s.state_bytes(), s.spare) for s in program.generators]

    def restore(self) -> None:
        for t, array, version in zip(self.tensors, self.arrays, self.versions):
            t.array[...] = array
            t.version[0] = version
        for leaf, grad in zip(self.leaves, self.held):
            leaf._grad = grad
        undone(self.small)
        for stream, state, spare in self.streams:
            stream.set_state_bytes(state)
            stream.spare = spare


def close(a: Any, b: Any) -> bool:
    """Whether two results agree to within rounding."""
    if a is None or b is None or a.shape != b.shape or a.dtype != b.dtype:
        return a is b
    if a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    largest = np.abs(b, where=np.isfinite(b), out=np.zeros(b.shape)).max(initial=0)
    return bool(np.allclose(a, b, RTOL, ATOL + SUMS * largest, equal_nan=True))


def _first(program: Program, tensors: list, arrays: list, before: _State) -> str:
    """Where the run and the words one by one part ways: of all values, or else of its outputs."""
    given = iter(arrays)

    def value(how: str, what: Any, s: Any) -> Any:
        if how == "seed":
            return np.ones(s.shape, s.dtype)
        return np.array(what(), s.dtype) if how == "number" else next(given)

    values = [value(*each) for each in program.inputs]
    before.restore()  # random streams, too
    words = interpreted(program.traced, values)
    for run, on in ((program.values, values), (program.outcome, tensors)):
        before.restore()
        found = run(on)
        before.restore()
        for step in program.traced.steps:
            for v in step.results:
                if v.id in found and not close(np.asarray(found[v.id]), np.asarray(words[v.id])):
                    return f"{step.word} differs from eager mode at {step.where}: {step}"
    return f"the captured program differs from eager mode (in the trace made at {program.where})"


def interpreted(graph: Graph, arrays: list) -> dict[int, Any]:
    """Every value of a graph, word by word on NumPy."""
    found = {v.id: a for v, a in zip(graph.inputs, arrays)}
    with np.errstate(all="ignore"):
        for step in unrolled(graph).steps:
            if step.word == "check":
                continue
            now = step.replaced(lambda v: found[v.id])
            made = now.args[0](*now.args[1:]) if now.word == "call" else call(now)
            each = made if len(step.results) > 1 else (made,)
            found.update((v.id, np.asarray(x)) for v, x in zip(step.results, each))
    return found
