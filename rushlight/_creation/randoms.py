"""Random tensors: rand, randn, randint, randperm, normal, bernoulli, multinomial, poisson."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import draws, dtypes, modes
from .._core.devices import META, concrete
from .._core.fused import rounded
from .._core.layouts import order_for
from .._core.naming import named
from .._core.samplers import (
    arranged,
    coin_sampler,
    coins,
    drawn_by,
    integer_sampler,
    normal_sampler,
    stream_of,
    uniform_sampler,
)
from .._core.size import preserve_format
from .._core.tape import TensorBase, make
from .._ops.sampling import redrawn
from .making import check_input, check_options, dtype_of, into, place, size_tuple, sizes_of, whole

_drawn_about = redrawn("_drawn_about", "NormalBackward3")
_coins = redrawn("_coins", "BernoulliBackward0")


def _sampled(
    name: str, shape: tuple, kind: Any, sampler: Callable, generator: Any, device: Any,
    requires_grad: bool, order: Any = None, out: Any = None,
) -> Any:  # fmt: skip
    """A tensor of draws, or `out` filled with them; on the device `meta` nothing is drawn."""
    if out is not None:
        sample = sampler(stream_of(name, generator, out.device))
        return into(out, arranged(sample, shape, None), kind)
    where = concrete(device)
    sample = sampler(stream_of(name, generator, where))
    if modes.local.mapped:
        return _mapped(modes.local.mapped, shape, kind, where, requires_grad, sample)
    return place(shape, kind, where, requires_grad, lambda *_: arranged(sample, shape, order))


def _mapped(
    around: tuple, shape: tuple, kind: Any, where: Any, requires_grad: bool, sample: Callable
) -> Any:
    """Draws inside vmap: refused, the same for all examples, or more of them, one for each."""
    if not around:
        return place(shape, kind, where, requires_grad, lambda *_: arranged(sample, shape, None))
    *outer, names = around
    names.allow_random()
    if names.randomness == "same":
        return _mapped(tuple(outer), shape, kind, where, requires_grad, sample)
    each = _mapped(tuple(outer), (names.batch, *shape), kind, where, requires_grad, sample)
    return make(names.fresh(each), where)


def _sized_form(name: str, draw: Callable, says: str):
    """A public function of sizes; `draw(kind, 0.0, 1.0, stream)` is its sampler."""

    def made(
        *size: Any, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None,
        device: Any = None, requires_grad: bool = False, pin_memory: bool = False, **named: Any,
    ) -> Any:  # fmt: skip
        shape = sizes_of(name, size, named.get("size"))
        check_options(layout, pin_memory)
        kind = dtype_of(name, dtype, getattr(out, "dtype", None))
        sampler = lambda stream: draw(kind, 0.0, 1.0, stream)
        return _sampled(name, shape, kind, sampler, generator, device, requires_grad, out=out)

    return named(made, name, says)


rand = _sized_form("rand", uniform_sampler, "Numbers drawn uniformly from [0, 1).")
randn = _sized_form(
    "randn", normal_sampler, "Numbers drawn from the normal distribution of mean 0 and variance 1."
)


def randint(
    *bounds: Any, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False, **named: Any,
) -> Any:  # fmt: skip
    """Whole numbers drawn uniformly from [low, high): `randint(high, size)` or with `low` first."""
    low, high, size = _integer_bounds("randint", bounds, named, "size")
    shape = size_tuple("randint", size, len(bounds) or 1)
    check_options(layout, pin_memory)
    kind = dtype_of("randint", dtype, getattr(out, "dtype", dtypes.int64))
    sampler = lambda stream: integer_sampler(kind, low, high, stream)
    return _sampled("randint", shape, kind, sampler, generator, device, requires_grad, out=out)


def _integer_bounds(name: str, given: tuple, named: dict, last: str | None) -> tuple:
    """(low, high, size) of the forms with and without `low`."""
    wanted = 3 if last else 2
    names = ["low", "high", last][:wanted]
    free = [n for n in names if n not in named]
    if len(given) < len(free) and "low" in free:
        free.remove("low")
    if len(given) != len(free) or set(named) - set(names):
        kinds = ", ".join(type(v).__name__ for v in (*given, *named.values()))
        forms = (
            f"(int high, {last}), (int low, int high, {last})" if last else "(high), (low, high)"
        )
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({kinds}), but expected "
            f"one of: {forms}"
        )
    found = {"low": 0, **dict(zip(free, given)), **named}
    low = whole(name, "low", 1, found["low"])
    high = whole(name, "high", 2 if "low" in free else 1, found["high"])
    return low, high, found.get(last) if last else None


def randperm(
    n: int, *, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Any:  # fmt: skip
    """The numbers 0 to n - 1 in random order."""
    (count,) = shape = sizes_of("randperm", (whole("randperm", "n", 1, n),))
    check_options(layout, pin_memory)
    kind = dtype_of("randperm", dtype, getattr(out, "dtype", dtypes.int64))
    _check_permutation(count, kind)
    sampler = lambda stream: lambda m, _: rounded(draws.permutation(stream, m), kind)
    return _sampled("randperm", shape, kind, sampler, generator, device, requires_grad, out=out)


def _check_permutation(n: int, kind: Any) -> None:
    if kind.category in (0, 3):
        raise NotImplementedError(f"\"randperm\" not implemented for '{kind.type_name}'")
    if kind.category == 1 and n > int(np.iinfo(kind.numpy).max) + 1:
        raise RuntimeError(f"value cannot be converted to type {kind.name}_t without overflow")
    largest = {"float16": 2**11 + 1, "bfloat16": 2**8 + 1, "float32": 2**24 + 1}.get(kind.name)
    if largest is not None and n > largest:
        raise RuntimeError(f"n cannot be greater than {largest} for {kind.type_name} type.")


def _like(
    name: str, input: Any, make_sampler: Callable, dtype: Any, layout: Any, device: Any,
    requires_grad: bool, pin_memory: bool, memory_format: Any, generator: Any,
) -> Any:  # fmt: skip
    check_input(name, input)
    check_options(layout, pin_memory)
    kind = dtype_of(name, dtype, input.dtype)
    where = input.device if device is None else device
    shape, array = tuple(input.shape), getattr(input, "array", None)
    order = order_for(shape, memory_format or preserve_format, array)
    return _sampled(name, shape, kind, make_sampler(kind), generator, where, requires_grad, order)


def _like_form(name: str, draw: Callable):
    """A public function of a tensor; `draw(kind, 0.0, 1.0, stream)` is its sampler."""

    def made(
        input: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
        requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None,
        generator: Any = None,
    ) -> Any:  # fmt: skip
        sampler = lambda kind: lambda stream: draw(kind, 0.0, 1.0, stream)
        return _like(name, input, sampler, dtype, layout, device, requires_grad, pin_memory,
                     memory_format, generator)  # fmt: skip

    plain = name.removesuffix("_like")
    return named(made, name, f"`{plain}` in the shape, dtype and device of `input`.")


rand_like = _like_form("rand_like", uniform_sampler)
randn_like = _like_form("randn_like", normal_sampler)


def randint_like(
    input: Any, *bounds: Any, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None,
    generator: Any = None, **named: Any,
) -> Any:  # fmt: skip
    """`randint` in the shape, dtype and device of `input`."""
    low, high, _ = _integer_bounds("randint_like", bounds, named, None)
    sampler = lambda kind: lambda stream: integer_sampler(kind, low, high, stream)
    return _like("randint_like", input, sampler, dtype, layout, device, requires_grad, pin_memory,
                 memory_format, generator)  # fmt: skip


def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, out: Any = None,
    dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
    requires_grad: bool = False,
) -> Any:  # fmt: skip
    """Normal draws: means and deviations from tensors, or numbers for both and a `size`."""
    tensors = [v for v in (mean, std) if isinstance(v, TensorBase)]
    if tensors:
        return _normal_about(mean, std, tensors, generator, out)
    if size is None:
        raise TypeError(
            f"normal() received an invalid combination of arguments - got ({type(mean).__name__}, "
            f"{type(std).__name__}), but expected one of: (Tensor mean, Tensor std), (Tensor mean, "
            "float std), (float mean, Tensor std), (float mean, float std, tuple of ints size)"
        )
    shape = size_tuple("normal", size, 3)
    check_options(layout, pin_memory)
    kind = dtype_of("normal", dtype, getattr(out, "dtype", None))
    sampler = lambda stream: normal_sampler(kind, float(mean), float(std), stream)
    return _sampled("normal", shape, kind, sampler, generator, device, requires_grad, out=out)


def _normal_about(mean: Any, std: Any, tensors: list, generator: Any, out: Any) -> Any:
    first = tensors[0]
    kind = first.dtype
    scaled = isinstance(std, TensorBase)
    if scaled and std.dtype.category == 3:
        raise RuntimeError("normal expects standard deviation to be non-complex")
    shift = None if isinstance(mean, TensorBase) else np.asarray(float(mean))
    shape, stream = _common_shape(tensors), stream_of("normal", generator, first.device)
    sample = normal_sampler(kind, 0.0, 1.0 if scaled else float(std), stream)

    def draw(*given: np.ndarray) -> np.ndarray:
        if scaled and not (dtypes.cast(given[-1], dtypes.float64) >= 0).all():
            raise RuntimeError("normal expects all elements of std >= 0.0")
        values = arranged(sample, shape, None)
        if scaled:
            values = _arithmetic(np.multiply, values, given[-1], kind)
        return _arithmetic(np.add, values, given[0] if shift is None else shift, kind)

    values = drawn_by(draw, shape, kind, stream, *tensors)
    if out is not None:
        return into(out, values)
    made = make(values, first.device)
    wanting = next((t for t in tensors if t.requires_grad), None)
    return made if wanting is None else _drawn_about(wanting.expand(shape), values=values)


def _arithmetic(ufunc: Any, values: np.ndarray, other: np.ndarray, kind: Any) -> np.ndarray:
    """ufunc(values, other), computed as tensors of `kind` compute."""
    if kind in dtypes.HALVES:
        a, b = (dtypes.cast(v, dtypes.float32) for v in (values, other))
        return dtypes.cast(ufunc(a, b), kind)
    return ufunc(values, dtypes.cast(other, kind))


def _common_shape(tensors: list) -> tuple:
    try:
        return np.broadcast_shapes(*(t.shape for t in tensors))
    except ValueError:
        _ = tensors[0] + tensors[1]  # says which sizes do not meet
        raise


def bernoulli(input: Any, p: Any = None, *, generator: Any = None, out: Any = None) -> Any:
    """Ones with the probabilities in `input` (or all with probability `p`), else zeros."""
    stream = stream_of("bernoulli", generator, input.device)
    kind, shape = input.dtype, tuple(input.shape)
    if input.device is META:
        return place(shape, kind, META, False, np.empty)
    order = order_for(shape, preserve_format, input.array)
    if p is None:
        values = coins(input, kind, shape, order, stream)
    else:
        values = arranged(coin_sampler(kind, p, stream), shape, order)
    return into(out, values) if out is not None else _coins(input, values=values)


def multinomial(
    input: Any, num_samples: int, replacement: bool = False, *, generator: Any = None,
    out: Any = None,
) -> Any:  # fmt: skip
    """`num_samples` indices for each row of weights, likely in proportion to the weights."""
    kind, shape = input.dtype, tuple(input.shape)
    if kind.category != 2:
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {kind.type_name}. "
            "Weights are real numbers: use weights.float()."
        )
    if len(shape) not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim; it has shape {list(shape)}")
    if num_samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples; asked for {num_samples}")
    if not replacement and num_samples > shape[-1]:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement: asked for "
            f"{num_samples} of {shape[-1]}; pass replacement=True to draw a category again."
        )
    if input.device is META:
        return place((*shape[:-1], num_samples), dtypes.int64, META, False, np.empty)
    stream = stream_of("multinomial", generator, input.device)

    def draw(weights: np.ndarray) -> np.ndarray:
        weights = dtypes.cast(weights, dtypes.float32) if kind in dtypes.HALVES else weights
        _check_weights(weights)
        weights = weights.reshape(-1, shape[-1])
        found = draws.categories(stream, weights, num_samples, replacement)
        return found.reshape(*shape[:-1], num_samples)

    found = drawn_by(draw, (*shape[:-1], num_samples), dtypes.int64, stream, input)
    return into(out, found, dtypes.int64) if out is not None else make(found, input.device)


def _check_weights(weights: np.ndarray) -> None:
    if not weights.size:
        return
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not (weights.sum(-1) > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")


def poisson(input: Any, generator: Any = None) -> Any:
    """A count for each rate in `input`, from the Poisson distribution."""
    kind = input.dtype
    if kind.category != 2:
        raise NotImplementedError(f"\"poisson_cpu\" not implemented for '{kind.type_name}'")
    if input.device is META:
        return place(tuple(input.shape), kind, META, False, np.empty)
    stream = stream_of("poisson", generator, input.device)

    def draw(rates: np.ndarray) -> np.ndarray:
        rates = dtypes.cast(rates, dtypes.float64)
        if not (rates >= 0).all():
            raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
        return rounded(draws.poisson(stream, rates.reshape(-1)).reshape(rates.shape), kind)

    return make(drawn_by(draw, tuple(input.shape), kind, stream, input), input.device)
