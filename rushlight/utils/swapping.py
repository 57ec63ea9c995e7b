"""swap_tensors: two tensor objects exchange all they hold."""

from typing import Any

from .._core.tape import TensorBase

_array_of: Any = TensorBase.__dict__["array"]
_PARTS = ("needs", "node", "version", "origin", "device", "grad")


def swap_tensors(t1: Any, t2: Any) -> None:
    """Exchanges memory, class, attributes and gradients, so that every reference sees the other.

    Raises:
        RuntimeError: if one of them is the result of a recorded operation, or a view.
    """
    for name, t in (("t1", t1), ("t2", t2)):
        if t.origin is not None or t.grad_fn is not None:
            raise RuntimeError(
                f"Expected {name} to be a leaf without views to others: it was made by a recorded "
                "operation or shares another tensor's memory; swap detached copies"
            )
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    mine, theirs = dict(t1.__dict__), dict(t2.__dict__)
    for t, attributes in ((t1, theirs), (t2, mine)):
        t.__dict__.clear()
        t.__dict__.update(attributes)
    a, b = _array_of.__get__(t1), _array_of.__get__(t2)
    _array_of.__set__(t1, b)
    _array_of.__set__(t2, a)
    for part in _PARTS:
        ours, other = getattr(t1, part), getattr(t2, part)
        setattr(t1, part, other)
        setattr(t2, part, ours)
