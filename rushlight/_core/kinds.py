"""The kinds of array: which namespace speaks for an array, and what the layers above announce.

The ground cannot import the tensor or the NumPy namespace (they lie above it); they announce
themselves here once, when they are defined.
"""

from typing import Any

from numpy import ndarray

from . import modes


class Known:
    """What the layers above have announced."""

    numpy: Any = None  # the namespace of ndarrays
    meta: Any = None  # the namespace of arrays without values
    straight: Any = None  # body -> its lines: NumPy calls written down by signature
    tensor: Any = None  # the Tensor class
    parameter: Any = None  # the Parameter class
    as_tensor: Any = None  # number or tensor -> tensor


known = Known()


class Differentiable:
    """The vocabulary spoken by tensors: each word is an op, so what is done is recorded."""

    level = 0
    name = "differentiable"

    def __getattr__(self, word: str) -> Any:
        if word.startswith("_"):
            raise AttributeError(word)
        raise AttributeError(
            f"no op on tensors speaks the word {word!r}: bind one with speak({word}=...) beside "
            "its record"
        )


DIFFERENTIABLE = Differentiable()


def speak(*named: Any, **words: Any) -> None:
    """Bind vocabulary words to functions on tensors, those `named` as the word by themselves."""
    for word, function in [*((f.__name__, f) for f in named), *words.items()]:
        setattr(Differentiable, word, staticmethod(function))


def namespace(array: Any) -> Any:
    """The namespace that speaks for `array`."""
    return known.numpy if array.__class__ is ndarray else array.names


def holds(condition: Any) -> bool:
    """Whether all of a condition on tensors is true; a trace takes it for true, and notes that."""
    array = condition.array
    if array.__class__ is ndarray:
        return bool(array.all())
    namespace(array).check(array, "")
    return True


def foretold(t: Any) -> bool:
    """Whether Python may ask for a tensor's values now."""
    trace = modes.local.trace
    return trace is None or trace.value(t) is not None


def value_of(t: Any, asked: str) -> ndarray:
    """The values of a tensor that a trace knows: they hang on no input.

    Raises:
        RuntimeError: where they are not known.
    """
    trace = modes.local.trace
    found = None if trace is None else trace.value(t)
    if found is None:
        raise RuntimeError(without_value(t.array, asked))
    return found


def without_value(array: Any, asked: str) -> str:
    """The sentence for a value that was asked for and is not known; a trace ends here."""
    trace = modes.local.trace
    return (array.names if trace is None else trace).no_value(asked)
