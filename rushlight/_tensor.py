"""Tensor: an array with a place on the tape. Its ops are in the table of _methods.py."""

import copy
import weakref
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arrays.meta import META_WORDS
from ._arrays.numpy import NUMPY
from ._arrays.straight import Lines
from ._core import dtypes, modes, views
from ._core.backward import backward as run_backward
from ._core.devices import META, device
from ._core.errors import dim_of
from ._core.kinds import known, value_of, without_value
from ._core.size import Size, layout, strided
from ._core.spec import strides_of
from ._core.tape import ASK, Handle, Node, Port, TensorBase, extra_of, make, ndarray
from ._ops import casts, indexing
from ._ops import views as view_ops
from ._ops import words as _words
from ._ops.slicing import picked, sliced
from ._printing import tensor_repr
from ._subclass import hide

_array_of = TensorBase.__dict__["array"]
# what a gradient has in common with its tensor
_SHARED = {"dtype": "with dtype", "device": "with device type", "shape": "of size"}


class Tensor(TensorBase):
    """A multi-dimensional array of one dtype on one device, on which gradients can be taken."""

    __slots__ = ()
    __array_priority__ = 1000

    if TYPE_CHECKING:  # the operators, which the table of _methods.py binds
        __add__: Any
        __radd__: Any
        __sub__: Any
        __rsub__: Any
        __mul__: Any
        __rmul__: Any
        __matmul__: Any
        __rmatmul__: Any
        __truediv__: Any
        __rtruediv__: Any
        __floordiv__: Any
        __rfloordiv__: Any
        __mod__: Any
        __rmod__: Any
        __pow__: Any
        __rpow__: Any
        __and__: Any
        __rand__: Any
        __or__: Any
        __ror__: Any
        __xor__: Any
        __rxor__: Any
        __lshift__: Any
        __rshift__: Any
        __lt__: Any
        __le__: Any
        __gt__: Any
        __ge__: Any
        __neg__: Any
        __abs__: Any
        __pos__: Any
        __invert__: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return known.legacy(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """A subclass hides `array` from fast paths: they meet AttributeError and ask `general`.

        A subclass that says `_plain_subclass = True` (Parameter) is treated as a plain tensor, and
        so are its own subclasses unless they define `__torch_function__`.
        """
        super().__init_subclass__(**kwargs)
        own = cls.__dict__
        if "_plain_subclass" not in own and ("__torch_function__" in own or cls.__base__ is Tensor):
            cls._plain_subclass = False
        if not cls._plain_subclass and "array" not in own:
            hide(cls, Tensor)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        """What a subclass does that defines nothing else: results keep the subclass."""
        with modes.subclass_off():
            made = func(*args, **(kwargs or {}))
        return _converted(made, cls)

    # -- facts

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions."""
        return Size(self.array.shape)

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.of(self.array.dtype)

    ndim = property(lambda self: len(self.array.shape), doc="The number of dimensions.")
    layout: layout = property(lambda self: strided)  # type: ignore[assignment]
    itemsize = property(lambda self: self.dtype.itemsize, doc="Bytes of one element.")
    nbytes = property(lambda self: self.numel() * self.dtype.itemsize, doc="Bytes of all elements.")
    is_cuda = property(lambda self: self.device.type == "cuda")
    is_cpu = property(lambda self: self.device.type == "cpu")
    is_meta = property(lambda self: self.device.type == "meta")
    is_sparse = is_quantized = is_mps = is_xpu = is_mkldnn = is_nested = property(
        lambda self: False
    )
    names = property(lambda self: (None,) * self.ndim)
    _version = property(lambda self: self.version[0])
    output_nr = property(lambda self: self.node.index if self.node.__class__ is Port else 0)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one of its sizes."""
        if dim is None:
            return Size(self.array.shape)
        shape = self.array.shape
        return shape[dim_of(dim, len(shape))]

    def dim(self) -> int:
        """The number of dimensions."""
        return len(self.array.shape)

    ndimension = dim

    def get_device(self) -> int:
        """The number of the tensor's GPU; -1 on the CPU."""
        return -1 if self.device.index is None else self.device.index

    def numel(self) -> int:
        """The number of elements."""
        return self.shape.numel()

    nelement = numel

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    def stride(self, dim: int | None = None) -> Any:
        """The steps between neighbours along each dimension, in elements."""
        array = self.array
        if array.__class__ is ndarray:
            made = strides_of(array)
        else:
            made = array.strides
        return made if dim is None else made[dim_of(dim, len(made))]

    def __len__(self) -> int:
        if not self.array.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.array.shape[0]

    # -- the graph

    @property
    def grad_fn(self) -> Node | None:
        """The node that made this tensor; None for a leaf."""
        return views.node_of(self)

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made it."""
        return views.node_of(self) is None

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are wanted for it."""
        return views.edge(self) is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if not wanted and views.node_of(self) is not None:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a "
                "computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        if wanted and self.dtype.category < 2:
            raise RuntimeError(
                "only Tensors of floating point and complex dtype can require gradients; this one "
                f"is {self.dtype}"
            )
        if not (wanted and self.node is not None):
            self.needs = bool(wanted) or (ASK if self.origin is not None and not wanted else False)
            if wanted and self.origin is not None and not self.origin[1].alias:
                self.origin = None if views.edge(self.origin[0]) is None else self.origin

    def requires_grad_(self, requires_grad: bool = True) -> "Tensor":
        """Switch the wish for gradients, in place."""
        self.requires_grad = requires_grad
        return self

    def _set_grad(self, new: Any) -> None:
        if not isinstance(new, (TensorBase, type(None))):
            kind = type(new).__name__
            raise TypeError(
                f"assigned grad expected to be a Tensor or None but got grad of type {kind}"
            )
        if new is self:
            raise RuntimeError("can't assign Variable as its own grad")
        for name, what in _SHARED.items() if new is not None else ():
            own, given = getattr(self, name), getattr(new, name)
            if own != given:
                raise RuntimeError(
                    f"attempting to assign a gradient {what} '{given}' to a tensor {what} '{own}'"
                )
        self._grad = new

    def _drop_grad(self) -> None:
        self._grad = None

    # read in C: optimizers ask each parameter at each step
    grad = property(attrgetter("_grad"), _set_grad, _drop_grad, "The gradient, once there is one.")

    @property
    def data(self) -> "Tensor":
        """The same memory as a tensor outside the graph, with versions of its own."""
        t = view_ops.detach(self)
        if modes.special and modes.local.trace is not None:
            return t  # memory is a value here: a write reaches it by way of the view
        t.version, t.origin, t.needs = [0], None, False
        return t

    @data.setter
    def data(self, new: "Tensor") -> None:
        if not isinstance(new, TensorBase):
            raise TypeError(f"Variable data has to be a tensor, but got {type(new).__name__}")
        array = new.array
        if self.needs is True and dtypes.of(array.dtype).category < 2:
            raise RuntimeError(
                "data set to a tensor that requires gradients must be floating point or complex "
                "dtype"
            )
        self.array, self.origin, self.device = array, None, new.device

    @property
    def _base(self) -> "Tensor | None":
        t = self
        while t.origin is not None:
            t = t.origin[0]
        return None if t is self else t

    def backward(
        self, gradient: "Tensor | None" = None, retain_graph: bool | None = None,
        create_graph: bool = False, inputs: Any = None,
    ) -> None:  # fmt: skip
        """Add the gradients of this tensor to the `.grad` of the leaves it was made from."""
        run_backward([self], [gradient], retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable) -> Handle:
        """Call hook(gradient) when this tensor's gradient is known; it may return another."""
        where = views.edge(self)
        if where is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if where.is_node:
            node, index = _output(where)
            return Handle(extra_of(node).tensors.setdefault(index, {}), hook)
        return Handle(self.__dict__.setdefault("_backward_hooks", {}), hook)

    def register_post_accumulate_grad_hook(self, hook: Callable) -> Handle:
        """Call hook(tensor) after a gradient was added to this leaf's `.grad`."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )
        return Handle(self.__dict__.setdefault("_post_accumulate_grad_hooks", {}), hook)

    def retain_grad(self) -> None:
        """Keep the gradient of this intermediate result in `.grad`."""
        where = views.edge(self)
        if where is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if where.is_node:
            node, index = _output(where)
            extra_of(node).retained[index] = weakref.ref(self)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was asked for."""
        where = views.edge(self)
        if where is None or not where.is_node:
            return False
        node, index = _output(where)
        ref = node.extra.retained.get(index) if node.extra is not None else None
        return ref is not None and ref() is self

    def detach_(self) -> "Tensor":
        """Take this tensor out of the graph, in place."""
        if self.origin is not None and not self.origin[1].alias:
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using "
                "DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as "
                "True, gradients are views of DDP buckets, and hence detach_() cannot be called."
            )
        self.needs, self.node = False, None
        return self

    # -- values

    def item(self) -> Any:
        """The value of a tensor of one element, as a Python number."""
        array = self.array
        if array.__class__ is not ndarray or (modes.special and modes.local.trace is not None):
            array = value_of(self, "item()")
        if array.size != 1:
            raise RuntimeError(f"a Tensor with {array.size} elements cannot be converted to Scalar")
        if array.dtype == dtypes.BFLOAT16:
            array = dtypes.from_bfloat16(array)
        return array.item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self._values("tolist()").tolist()

    def _values(self, asked: str) -> ndarray:
        """The values as an ndarray that can be looked at (bfloat16 as float32)."""
        array = self.array
        if array.__class__ is not ndarray or (modes.special and modes.local.trace is not None):
            if asked == "numpy()":
                raise RuntimeError(without_value(array, asked))
            array = value_of(self, asked)
        return dtypes.from_bfloat16(array) if array.dtype == dtypes.BFLOAT16 else array

    def numpy(self, *, force: bool = False) -> ndarray:
        """The values as a NumPy array that shares memory; `force` converts whatever is needed."""
        if force:
            return self.detach().cpu().resolve_conj().resolve_neg()._values("numpy()")
        if self.requires_grad:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead."
            )
        if self.device.type == "cuda":
            raise TypeError(
                f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to "
                "copy the tensor to host memory first."
            )
        if self.dtype is dtypes.bfloat16:
            raise TypeError(
                "Got unsupported ScalarType BFloat16. NumPy has no such type: use "
                "x.float().numpy()."
            )
        return self._values("numpy()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ndarray:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_wrap__(
        self, array: ndarray, context: Any = None, return_scalar: bool = False
    ) -> Any:
        if array.dtype == bool:
            array = array.astype(np.uint8)
        return make(np.asarray(array))

    def __bool__(self) -> bool:
        n = self.numel()
        if n != 1:
            what = "no values" if n == 0 else "more than one value"
            raise RuntimeError(
                f"Boolean value of Tensor with {what} is ambiguous; it has shape "
                f"{tuple(self.shape)}: use .any() or .all()"
            )
        return bool(self.item())

    def _number(self) -> Any:
        if self.numel() != 1:
            raise ValueError(
                "only one element tensors can be converted to Python scalars; this one has shape "
                f"{tuple(self.shape)}"
            )
        return self.item()

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def __index__(self) -> int:
        value = self.item() if self.numel() == 1 else None
        if not isinstance(value, int):
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(value)

    def __contains__(self, value: Any) -> bool:
        if not isinstance(value, (TensorBase, *dtypes.NUMBERS)):
            raise RuntimeError(
                "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
                f"{type(value)}."
            )
        return bool((self == value).any())

    def __format__(self, spec: str) -> str:
        if not self.array.shape and self.device is not META and self.array.__class__ is ndarray:
            return format(self.item(), spec)
        return object.__format__(self, spec) if not spec else format(repr(self), spec)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return tensor_repr(self)

    def __iter__(self) -> Iterator:
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __reversed__(self) -> Any:
        return self.flip(0) if self.shape else self

    __hash__ = object.__hash__

    # -- indexing

    def __getitem__(self, key: Any) -> Any:
        cls = key.__class__
        if cls is int:
            try:
                return picked(self, key)
            except IndexError:
                if self.array.shape:
                    raise
        if cls is slice and (key.step is None or (key.step.__class__ is int and key.step > 0)):
            return sliced(self, key)
        return indexing.getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        indexing.setitem(self, key, value)

    def __delitem__(self, key: Any) -> None:
        raise TypeError("Tensor does not support deleting items")

    # -- copies

    def copy_(self, src: Any, non_blocking: bool = False) -> "Tensor":
        """Overwrite with the values of `src`, broadcast and converted to this tensor."""
        return views.copy_(self, src)

    def __deepcopy__(self, memo: dict) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
                "because of a torch.nn.utils.weight_norm usage, see "
                "https://github.com/pytorch/pytorch/pull/103001"
            )
        with modes.no_grad():
            t = casts.clone(self)
        made = object.__new__(type(self))
        _copy_slots(made, t)
        made.needs = self.needs is True
        memo[id(self)] = made
        if self.grad is not None:
            made.grad = self.grad.__deepcopy__(memo)
        for name, value in self.__dict__.items():
            if not name.startswith("_backward_hooks") and not name.startswith("_post_accumulate"):
                made.__dict__[name] = copy.deepcopy(value, memo)
        return made

    def __copy__(self) -> Any:
        made = object.__new__(type(self))
        _copy_slots(made, self)
        made._grad = self._grad
        made.__dict__.update(self.__dict__)
        return made

    def __reduce_ex__(self, protocol: Any) -> tuple:
        if not self.is_leaf:
            raise RuntimeError(
                "Cowardly refusing to serialize non-leaf tensor which requires_grad, since "
                "autograd does not support crossing process boundaries.  If you just want to "
                "transfer the data, call detach() on the tensor before serializing (e.g., putting "
                "it on the queue)."
            )
        array = self.array if self.array.__class__ is ndarray else None
        facts = (tuple(self.shape), self.dtype) if array is None else None
        state = (array, facts, str(self.device), self.needs is True, dict(self.__dict__))
        # Not by its name, which is torch.Tensor.
        kind = None if type(self) is Tensor else type(self)
        return _rebuild, (kind, *state)

    def as_subclass(self, cls: type) -> Any:
        """The same data and place on the tape, as an instance of a subclass."""
        made = object.__new__(cls)
        _copy_slots(made, self)
        return made


def _output(where: Any) -> tuple[Any, int]:
    """A node, and which of its outputs a place in the graph is."""
    return (where.node, where.index) if where.__class__ is Port else (where, 0)


def _copy_slots(made: Any, t: Any) -> None:
    _array_of.__set__(made, _array_of.__get__(t))
    made.needs, made.node, made.version = t.needs, t.node, t.version
    made.origin, made.device, made._grad = t.origin, t.device, None


def _rebuild(
    cls: type | None, array: Any, facts: Any, where: str, needs: bool, attributes: dict
) -> Any:
    if array is None:
        shape, dtype = facts
        array = known.meta.full(shape, 0, dtype)
    made = object.__new__(cls or Tensor)
    _copy_slots(made, make(np.array(array) if isinstance(array, ndarray) else array, device(where)))
    made.needs = needs
    made.__dict__.update(attributes)
    return made


def _converted(made: Any, cls: type) -> Any:
    if made.__class__ is Tensor:
        return made.as_subclass(cls)
    if isinstance(made, (tuple, list)):
        parts = [_converted(x, cls) for x in made]
        return type(made)(*parts) if hasattr(made, "_fields") else type(made)(parts)
    return made


Tensor.__module__ = "torch"
known.tensor = Tensor
# the kinds of array and the words of tensors announce themselves when they are imported
__all__ = ["META_WORDS", "NUMPY", "Lines", "Tensor", "_words"]
