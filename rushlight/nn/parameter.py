"""Tensors that belong to a module: Parameter, Buffer, and those that get their shape later."""

from collections import OrderedDict
from typing import Any

from .._core.modes import no_grad
from .._creation import empty
from .._tensor import Tensor


def _adopt(kind: type, data: Tensor, requires_grad: bool) -> Any:
    """A leaf of class `kind` on the memory of `data`."""
    if requires_grad and not (data.is_floating_point() or data.is_complex()):
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    made = object.__new__(kind)
    made.array, made.device = data.array, data.device
    made.needs, made.node, made.origin, made.grad = requires_grad, None, None, None
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
        return _rebuild_parameter, (self.data, self.requires_grad, OrderedDict(), self.__dict__ or None)


def _rebuild_parameter(
    data: Tensor, requires_grad: bool, backward_hooks: Any = None, state: dict | None = None
) -> Parameter:
    """What a pickled parameter is made of."""
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
    _marks_others = True

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        data = empty(0) if data is None else data
        made = data.detach().requires_grad_(data.requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


class UninitializedTensorMixin:
    """A tensor without a shape: `materialize(shape)` gives it one and makes it an ordinary one."""

    __slots__ = ()
    cls_to_become: type
    _allowed = frozenset(
        ("__dict__", "__class__", "array", "data", "device", "dtype", "grad", "grad_fn", "is_cuda")
        + ("is_leaf", "is_meta", "materialize", "needs", "node", "persistent", "requires_grad")
        + ("requires_grad_", "version", "view", "is_floating_point", "is_complex", "cls_to_become")
        + ("_is_buffer", "_is_param", "to", "type", "float", "double", "half", "bfloat16", "cpu")
        + ("cuda", "layout", "copy_")
    )

    def materialize(self: Any, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Take a shape (the values are uninitialised), a device and a dtype."""
        old = self.data
        with no_grad():
            made = empty(
                tuple(shape), device=device or old.device, dtype=old.dtype if dtype is None else dtype
            )
        object.__setattr__(self, "__class__", self.cls_to_become)
        self.data = made

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__") or name in UninitializedTensorMixin._allowed:
            return object.__getattribute__(self, name)
        kind = type(self).__name__
        if name == "shape":
            raise RuntimeError(
                "Can't access the shape of an uninitialized parameter or buffer. This error usually "
                "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
                "initialized one. Call `forward` to initialize the parameters before accessing their "
                "attributes."
            )
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {name}. This error happens when you are "
            f"using a `LazyModule` or explicitly manipulating `torch.nn.parameter.{kind}` objects. "
            "When using LazyModules Call `forward` with a dummy batch to initialize the parameters "
            "before calling torch functions"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self: Any, proto: Any) -> tuple:
        return type(self), (self.requires_grad,)


def is_lazy(param: Any) -> bool:
    """Whether a tensor still waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet."""

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return _adopt(cls, empty(0, device=device, dtype=dtype), requires_grad)

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        pass

    def __deepcopy__(self, memo: dict) -> Any:
        if id(self) not in memo:
            data = self.data
            memo[id(self)] = type(self)(self.requires_grad, data.device, data.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet."""

    __slots__ = ()
    cls_to_become = Tensor

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> Any:
        made = _adopt(cls, empty(0, device=device, dtype=dtype), requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made

    def __init__(
        self,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> None:
        pass

    def __deepcopy__(self, memo: dict) -> Any:
        if id(self) not in memo:
            data = self.data
            memo[id(self)] = type(self)(
                self.requires_grad, data.device, data.dtype, self.persistent
            )
        return memo[id(self)]
