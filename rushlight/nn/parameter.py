"""Tensors that belong to a module: Parameter, Buffer, and those that get their shape later."""

from collections import OrderedDict
from typing import Any

from .._core.dtypes import of
from .._core.kinds import known
from .._core.tape import TensorBase, make
from .._creation import empty
from .._tensor import Tensor

_array: Any = TensorBase.__dict__["array"]


def _adopt(kind: type, data: Tensor, requires_grad: bool) -> Any:
    """A leaf of class `kind` on the memory of `data`."""
    if requires_grad and not (data.is_floating_point() or data.is_complex()):
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    made = object.__new__(kind)
    made.array, made.device = data.array, data.device
    made.needs, made.node, made.origin, made._grad = requires_grad, None, None, None
    made.version = [0]
    return made


class _Marked(type(Tensor)):
    """isinstance also says yes to a tensor subclass that was made a Parameter or Buffer."""

    _mark = "_is_param"

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        own = getattr(instance, "__dict__", None)
        return bool(own) and bool(own.get(cls._mark)) and cls.__dict__.get("_marks_others", False)


class Parameter(Tensor, metaclass=_Marked):
    """A tensor that a module counts among its parameters when it is assigned as an attribute.

    Args:
        data: the tensor, whose memory the parameter shares.
        requires_grad: whether backward computes its gradient.
    """

    __slots__ = ()
    _plain_subclass = True
    _marks_others = True

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            data = empty(0)
        kind = type(data)
        if kind is Tensor or kind is Parameter:
            return _adopt(cls, data, requires_grad)
        made = data.detach().requires_grad_(requires_grad)
        if type(made) is not kind:
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {kind.__name__} requires that "
                "detach() returns an instance of the same type, but return type "
                f"{type(made).__name__} was found instead."
            )
        made._is_param = True
        return made

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        pass

    def __deepcopy__(self, memo: dict) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, proto: Any) -> tuple:
        return _rebuild_parameter, (
            self.data, self.requires_grad, OrderedDict(), self.__dict__ or None,
        )  # fmt: skip


def _rebuild_parameter(
    data: Tensor, requires_grad: bool, backward_hooks: Any = None, state: dict | None = None
) -> Parameter:
    made = Parameter(data, requires_grad)
    made.__dict__.update(state or {})
    return made


class _MarkedBuffer(_Marked):
    _mark = "_is_buffer"


class Buffer(Tensor, metaclass=_MarkedBuffer):
    """Makes a tensor that a module registers as a buffer when it is assigned as an attribute.

    What it returns is a tensor of the class of `data`, marked.
    """

    __slots__ = ()
    _plain_subclass = True
    _marks_others = True

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        data = empty(0) if data is None else data
        made = data.detach().requires_grad_(data.requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


def _no_shape(self: Any) -> Any:
    raise RuntimeError(
        "Can't access the shape of an uninitialized parameter or buffer. This error usually "
        "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
        "initialized one. Call `forward` to initialize the parameters before accessing their "
        "attributes."
    )


def _no_array(self: Any) -> Any:
    raise ValueError(
        "Attempted to use an uninitialized parameter in a tensor function. This error happens when "
        "you are using a `LazyModule` or explicitly manipulating "
        f"`torch.nn.parameter.{type(self).__name__}` objects. When using LazyModules Call "
        "`forward` with a dummy batch to initialize the parameters before calling torch functions"
    )


def _converted(name: str) -> Any:
    """A conversion, which changes only what `materialize` will make."""

    def convert(self: Any, *args: Any, **kwargs: Any) -> Tensor:
        return getattr(self.data, name)(*args, **kwargs)

    return convert


class UninitializedTensorMixin:
    """A tensor without a shape: `materialize(shape)` gives it one and makes it an ordinary one.

    Its array is empty and hidden, so that every op on it is refused.
    """

    __slots__ = ()
    cls_to_become: type
    _options: tuple[str, ...] = ("requires_grad", "device", "dtype")

    shape = property(_no_shape)
    array = property(_no_array, _array.__set__)
    dtype = property(lambda self: of(_array.__get__(self).dtype))
    to, type, float, double = map(_converted, ("to", "type", "float", "double"))
    half, bfloat16, cpu, cuda = map(_converted, ("half", "bfloat16", "cpu", "cuda"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass  # `__new__` has taken the arguments

    def __deepcopy__(self, memo: dict) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(*[getattr(self, name) for name in self._options])
        return memo[id(self)]

    @property
    def data(self: Any) -> Any:
        return make(_array.__get__(self), self.device)

    @data.setter
    def data(self: Any, new: Tensor) -> None:
        _array.__set__(self, new.array)
        self.device = new.device

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        return self.dtype.is_complex

    def materialize(self: Any, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Take a shape (the values are uninitialised), a device and a dtype."""
        self.data = empty(
            tuple(shape),
            device=self.device if device is None else device,
            dtype=self.dtype if dtype is None else dtype,
        )
        self.__class__ = self.cls_to_become

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"<{self.__class__.__name__}>"

    def __reduce_ex__(self: Any, proto: Any) -> tuple:
        return self.__class__, (self.requires_grad,)


def is_lazy(param: Any) -> bool:
    """Whether a tensor still waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet."""

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return _adopt(cls, empty(0, device=device, dtype=dtype), requires_grad)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet."""

    __slots__ = ()
    _plain_subclass = True
    cls_to_become = Tensor
    _options = (*UninitializedTensorMixin._options, "persistent")

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None,
        persistent: bool = True,
    ) -> Any:  # fmt: skip
        made = _adopt(cls, empty(0, device=device, dtype=dtype), requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


def add_parameters(module: Any, place: dict, **shapes: Any) -> None:
    """Give a module a parameter of each shape, not yet drawn; None where there is none."""
    for name, shape in shapes.items():
        made = None if shape is None else Parameter(empty(shape, **place))
        module.register_parameter(name, made)


Parameter.__module__ = Buffer.__module__ = "torch.nn.parameter"  # as its printed form says
known.parameter = Parameter
