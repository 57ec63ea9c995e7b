"""Transform: an invertible function that knows how much it stretches space; and compositions."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from .._core.size import Size
from . import constraints
from .independent import sum_rightmost, widened


class Transform:
    """A function `y = f(x)` with an inverse and `log |dy/dx|`.

    A subclass defines `_call`, `_inverse` and `log_abs_det_jacobian`, and says where it goes from
    (`domain`) and to (`codomain`).

    Args:
        cache_size: 1 keeps the latest (x, y), so that the inverse of a just computed y is exact.
    """

    bijective = False
    domain: Any
    codomain: Any

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ValueError("cache_size must be 0 or 1")
        self._cache_size = cache_size
        self._latest: tuple = (None, None)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_latest": (None, None)}

    @property
    def event_dim(self) -> int:
        """How many dimensions make one value, on both sides."""
        if self.domain.event_dim == self.codomain.event_dim:
            return self.domain.event_dim
        raise ValueError("Please use either .domain.event_dim or .codomain.event_dim")

    inv = property(lambda self: _InverseTransform(self), doc="The inverse, as a transform.")

    def _no_sign(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} is not monotone")

    sign: Any = property(_no_sign, doc="1 where increasing, -1 where decreasing.")

    def with_cache(self, cache_size: int = 1) -> "Transform":
        """The same transform with another cache."""
        if self._cache_size == cache_size:
            return self
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, _cache_size=cache_size, _latest=(None, None))
        return made

    def __call__(self, x: Any) -> Any:
        """f(x)."""
        if self._cache_size and self._latest[0] is x:
            return self._latest[1]
        y = self._call(x)
        if self._cache_size:
            self._latest = (x, y)
        return y

    def _inv_call(self, y: Any) -> Any:
        if self._cache_size and self._latest[1] is y:
            return self._latest[0]
        x = self._inverse(y)
        if self._cache_size:
            self._latest = (x, y)
        return x

    def _call(self, x: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define _call")

    def _inverse(self, y: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define _inverse")

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """log |dy/dx| at x, with y = f(x)."""
        raise NotImplementedError(f"{type(self).__name__} does not define log_abs_det_jacobian")

    def forward_shape(self, shape: Iterable[int]) -> Any:
        """The shape of y for a shape of x."""
        return shape

    def inverse_shape(self, shape: Iterable[int]) -> Any:
        """The shape of x for a shape of y."""
        return shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _InverseTransform(Transform):
    def __init__(self, transform: Transform) -> None:
        super().__init__(transform._cache_size)
        self._inv = transform

    domain = property(lambda self: self._inv.codomain)
    codomain = property(lambda self: self._inv.domain)
    bijective = property(lambda self: self._inv.bijective)
    sign = property(lambda self: self._inv.sign)
    inv = property(lambda self: self._inv)

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self._inv.with_cache(cache_size).inv

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _InverseTransform) and self._inv == other._inv

    __hash__ = object.__hash__

    def __call__(self, x: Any) -> Any:
        return self._inv._inv_call(x)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Iterable[int]) -> Any:
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Iterable[int]) -> Any:
        return self._inv.forward_shape(shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._inv!r})"


class ComposeTransform(Transform):
    """Several transforms, one after another."""

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = [part.with_cache(cache_size) for part in parts] if cache_size else list(parts)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    __hash__ = object.__hash__

    domain = property(lambda self: _end(self.parts[::-1], "codomain", "domain"))
    codomain = property(lambda self: _end(self.parts, "domain", "codomain"))
    bijective = property(lambda self: all(p.bijective for p in self.parts))
    sign = property(lambda self: math.prod(p.sign for p in self.parts))
    inv = property(lambda self: ComposeTransform([p.inv for p in reversed(self.parts)]))

    def with_cache(self, cache_size: int = 1) -> Transform:
        same = self._cache_size == cache_size
        return self if same else ComposeTransform(self.parts, cache_size=cache_size)

    def __call__(self, x: Any) -> Any:
        for part in self.parts:
            x = part(x)
        return x

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        total, dims = None, self.domain.event_dim
        for i, part in enumerate(self.parts):
            after = y if i == len(self.parts) - 1 else part(x)
            own = sum_rightmost(part.log_abs_det_jacobian(x, after), dims - part.domain.event_dim)
            total = own if total is None else total + own
            dims += part.codomain.event_dim - part.domain.event_dim
            x = after
        return x.new_zeros(x.shape) if total is None else total

    def forward_shape(self, shape: Iterable[int]) -> Any:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape: Iterable[int]) -> Any:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    def __repr__(self) -> str:
        return "ComposeTransform(\n    " + ",\n    ".join(map(repr, self.parts)) + "\n)"


def _end(parts: Sequence[Transform], start: str, end: str) -> Any:
    """The last part's `end` (domain or codomain), for events as large as all parts make them."""
    if not parts:
        return constraints.real
    dims = getattr(parts[0], start).event_dim
    for part in parts:
        own = getattr(part, end).event_dim
        dims = max(dims + own - getattr(part, start).event_dim, own)
    last = getattr(parts[-1], end)
    return widened(last, dims - last.event_dim)


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """A transform whose last batch dimensions belong to the event."""

    def __init__(
        self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    bijective = property(lambda self: self.base_transform.bijective)
    sign = property(lambda self: self.base_transform.sign)

    def _wider(self, base: Any) -> Any:
        return constraints.independent(base, self.reinterpreted_batch_ndims)

    domain = property(lambda self: self._wider(self.base_transform.domain))
    codomain = property(lambda self: self._wider(self.base_transform.codomain))

    def _call(self, x: Any) -> Any:
        return self.base_transform(x)

    def _inverse(self, y: Any) -> Any:
        return self.base_transform._inv_call(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        each = self.base_transform.log_abs_det_jacobian(x, y)
        return sum_rightmost(each, self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Iterable[int]) -> Any:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Iterable[int]) -> Any:
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"IndependentTransform({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


class ReshapeTransform(Transform):
    """Events in another shape of the same size."""

    bijective = True

    def __init__(
        self, in_shape: Iterable[int], out_shape: Iterable[int], cache_size: int = 0
    ) -> None:
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ValueError(
                "in_shape, out_shape have different numbers of elements: "
                f"{self.in_shape} and {self.out_shape}"
            )
        super().__init__(cache_size)

    domain = property(lambda self: constraints.independent(constraints.real, len(self.in_shape)))
    codomain = property(lambda self: constraints.independent(constraints.real, len(self.out_shape)))

    def _call(self, x: Any) -> Any:
        return x.reshape(x.shape[: x.dim() - len(self.in_shape)] + self.out_shape)

    def _inverse(self, y: Any) -> Any:
        return y.reshape(y.shape[: y.dim() - len(self.out_shape)] + self.in_shape)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return x.new_zeros(x.shape[: x.dim() - len(self.in_shape)])

    def _exchanged(self, shape: Iterable[int], old: Size, new: Size) -> Size:
        shape = Size(shape)
        cut = len(shape) - len(old)
        if cut < 0:
            raise ValueError("Too few dimensions on input")
        if shape[cut:] != old:
            raise ValueError(f"Shape mismatch: expected {shape[cut:]} but got {old}")
        return shape[:cut] + new

    def forward_shape(self, shape: Iterable[int]) -> Any:
        return self._exchanged(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Iterable[int]) -> Any:
        return self._exchanged(shape, self.out_shape, self.in_shape)
