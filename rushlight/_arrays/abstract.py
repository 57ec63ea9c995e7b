"""What arrays that are not memory share: operators, and a namespace that is one function."""

from math import prod
from typing import Any

from .._core.spec import is_contiguous
from .composed import Composed
from .numpy import NUMPY

BINARY = dict(
    add="add", sub="subtract", mul="multiply", truediv="divide", floordiv="floor_divide",
    mod="remainder", pow="pow", matmul="matmul", lt="less", gt="greater", eq="equal",
    ge="greater_equal", le="less_equal", ne="not_equal", xor="bitwise_xor",
    lshift="bitwise_left_shift", rshift="bitwise_right_shift",
)  # fmt: skip
BINARY |= {"and": "bitwise_and", "or": "bitwise_or"}

# words that NumPy answers about a dtype alone: every kind passes them on
ABOUT_DTYPES = ("isdtype", "finfo")
DTYPES = "bool int64 int32 int16 int8 uint8 float32 float64 complex64 complex128".split()


class Array:
    """Operators spelled in the vocabulary of the array's own namespace, `names`."""

    __slots__ = ()
    __array_ufunc__ = None  # NumPy's operators give way to ours
    __hash__ = object.__hash__
    names: Any
    shape: Any
    dtype: Any
    strides: Any

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie in order in memory."""
        return is_contiguous(self.shape, self.strides)

    def __neg__(self) -> Any:
        return self.names.negative(self)

    def __invert__(self) -> Any:
        return self.names.bitwise_invert(self)

    def __abs__(self) -> Any:
        return self.names.abs(self)


class Above(Array):
    """An array over a tensor of the level beneath, `value`, whose `mapped` axis is not seen."""

    __slots__ = ()
    value: Any
    mapped = False
    offset = 0
    shape = property(lambda self: tuple(self.value.array.shape[self.mapped :]))
    dtype = property(lambda self: self.value.array.dtype)
    strides = property(lambda self: tuple(self.value.stride()[self.mapped :]))
    contiguous = property(lambda self: self.value.is_contiguous())


def _operator(word: str) -> tuple:
    return (
        lambda a, b: getattr(a.names, word)(a, b),
        lambda a, b: getattr(a.names, word)(b, a),
    )


for _name, _word in BINARY.items():
    _forward, _reverse = _operator(_word)
    setattr(Array, f"__{_name}__", _forward)
    setattr(Array, f"__r{_name}__", _reverse)


class Namespace(Composed):
    """A kind of array is one function, `apply(word, args, params)`; each word is a call of it."""

    level = 0
    name = "abstract"

    def __init__(self) -> None:
        for word in (*DTYPES, *ABOUT_DTYPES):
            setattr(self, word, getattr(NUMPY, word))

    def __getattr__(self, word: str) -> Any:
        if word.startswith("_") or not hasattr(NUMPY, word):
            raise AttributeError(f"the {self.name} kind of array knows no word {word!r}")

        def call(*args: Any, **params: Any) -> Any:
            return self.apply(word, args, params)

        setattr(self, word, call)  # the next look-up is a plain attribute
        return call

    def apply(self, word: str, args: tuple, params: dict) -> Any:
        """What a word does to arrays of this kind."""
        raise NotImplementedError

    def no_value(self, asked: str) -> str:
        """The sentence for something that must know values."""
        return f"{asked}: the values of a {self.name} tensor are not known"

    def check(self, condition: Any, message: str, error: Any = RuntimeError) -> None:
        """Checks of values are skipped where values are not known."""

    def scalar(self, value: Any, dtype: Any) -> Any:
        """Numbers meet arrays without values as they are."""
        return value

    def matmul_rows(self, x: Any, w: Any) -> Any:
        """A product whose first factor may have but few rows is a product like others."""
        return self.matmul(x, w)

    def within(self, x: Any, low: Any, high: Any) -> bool:
        """Where values are not known, nothing is known about their bounds."""
        return False
