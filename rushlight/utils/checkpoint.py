"""Checkpointing: keep a function's arguments instead of its intermediate results.

The function is run again when the backward pass comes to it: memory for time.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from .._core import modes, rng
from .._core.backward import arrived, walk_for
from .._core.general import new_node
from .._core.kinds import DIFFERENTIABLE
from .._core.tape import Node, Port, make, ticks
from .._core.views import edge
from .._tensor import Tensor
from ..amp.autocast_mode import switch
from ..autograd import Function, backward
from .nests import mapped, tensors_in

__all__ = [
    "CheckpointError", "CheckpointFunction", "check_backward_validity", "checkpoint",
    "checkpoint_sequential", "detach_variable", "noop_context_fn", "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]  # fmt: skip


class CheckpointError(RuntimeError):
    """The function did something else when it was run again."""


def noop_context_fn() -> tuple[AbstractContextManager, AbstractContextManager]:
    """Two contexts that do nothing: for the first run and for the second."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn, determinism_check: str = "default",
    debug: bool = False, early_stop: bool = True, preserve_rng_state: bool = True, **kwargs: Any,
) -> Any:  # fmt: skip
    """`function(*args, **kwargs)`, whose intermediate results are not kept for backward.

    Args:
        function: is run now, and again in each backward pass.
        use_reentrant: True runs a backward pass inside the backward pass and needs an argument
            that requires gradients; False has no such limits. Give it.
        context_fn: two contexts, for the first run and for those in backward.
        determinism_check: "default" or "none": whether the second run must give results like
            those of the first.
        debug, early_stop: accepted.
        preserve_rng_state: draw the same random numbers again.
    """
    if use_reentrant is None:
        _warn_of_reentrance("torch.utils.checkpoint")
        use_reentrant = True
    if modes.local.trace is not None:  # a program draws once, and keeps what is worth it
        with context_fn()[0]:
            return function(*args, **kwargs)
    if not use_reentrant:
        again = _Again(function, args, kwargs, context_fn(), determinism_check, preserve_rng_state)
        return again.first_run()
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug:
        raise ValueError(
            "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
        )
    return CheckpointFunction.apply(function, preserve_rng_state, *args)


def _warn_of_reentrance(name: str) -> None:
    warnings.warn(
        f"{name}: the use_reentrant parameter should be passed explicitly. Starting in PyTorch "
        "2.9, calling checkpoint without use_reentrant will raise an exception. "
        "use_reentrant=False is recommended, but if you need to preserve the current default "
        "behavior, you can pass use_reentrant=True.",
        stacklevel=3,
    )


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, *,
    preserve_rng_state: bool = True, **kwargs: Any,
) -> Any:  # fmt: skip
    """A chain of functions, run in segments of which only the inputs are kept.

    Args:
        functions: an `nn.Sequential` or a list.
        segments: into how many; the last is not checkpointed.
        input: of the first function.
        use_reentrant, preserve_rng_state: as for `checkpoint`.
    """
    if use_reentrant is None:
        _warn_of_reentrance("torch.utils.checkpoint.checkpoint_sequential")
        use_reentrant = True
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children() if hasattr(functions, "children") else functions)
    size = len(functions) // segments
    for start in range(0, size * (segments - 1), size):
        input = checkpoint(
            _chain(functions[start : start + size]), input, use_reentrant=use_reentrant,
            preserve_rng_state=preserve_rng_state,
        )  # fmt: skip
    return _chain(functions[size * (segments - 1) :])(input)


def _chain(functions: list[Callable]) -> Callable:
    def run(input: Any) -> Any:
        for function in functions:
            input = function(input)
        return input

    return run


# --- the surroundings of the first run, for the second


class _Surroundings:
    """Random states and autocast as they are now."""

    def __init__(self, random: bool) -> None:
        self.autocast = modes.local.autocast
        self.cpu = rng.default().state_bytes() if random else None
        generators = list(rng._of_device.values()) if random else ()
        self.others = {generator: generator.state_bytes() for generator in generators}

    @contextmanager
    def back(self) -> Iterator[None]:
        autocast = modes.local.autocast
        switch(self.autocast)
        now = {generator: generator.state_bytes() for generator in self.others}
        for generator, state in self.others.items():
            generator.set_state_bytes(state)
        try:
            with self._random():
                yield
        finally:
            switch(autocast)
            for generator, state in now.items():
                generator.set_state_bytes(state)

    def _random(self) -> AbstractContextManager:
        if self.cpu is None:
            return nullcontext()
        generator = rng.Generator()
        generator.set_state_bytes(self.cpu)
        return rng.using(generator)


# --- use_reentrant=True


class CheckpointFunction(Function):
    """Runs without the tape, and again, with a backward pass of its own, in backward."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable, preserve_rng_state: bool, *args: Any) -> Any:
        """The function's result."""
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.surroundings = _Surroundings(preserve_rng_state)
        ctx.inputs = [None if isinstance(arg, Tensor) else arg for arg in args]
        ctx.places = [i for i, arg in enumerate(args) if isinstance(arg, Tensor)]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        with modes.no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple:
        """The arguments' gradients; those of other tensors go to their `.grad` directly."""
        inputs = list(ctx.inputs)
        for place, tensor in zip(ctx.places, ctx.saved_tensors):
            inputs[place] = tensor
        inputs = detach_variable(tuple(inputs))
        with ctx.surroundings.back(), modes.enable_grad():
            outputs = ctx.run_function(*inputs)
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        pairs = [
            (out, grad)
            for out, grad in zip(outputs, grads)
            if isinstance(out, Tensor) and out.requires_grad
        ]
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        backward([out for out, _ in pairs], [grad for _, grad in pairs])
        found = (item.grad if isinstance(item, Tensor) else None for item in inputs)
        return None, None, *found


def detach_variable(inputs: tuple) -> tuple:
    """The arguments with their tensors cut off the tape, wanting gradients as before."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            "Only tuple of tensors is supported. Got Unsupported input type: "
            f"{type(inputs).__name__}"
        )
    return tuple(
        x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs
    )


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warn where no argument wants a gradient: then the parameters inside get none either."""
    if not any(item.requires_grad for item in inputs if isinstance(item, Tensor)):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2
        )


# --- use_reentrant=False


class _Again:
    """A call that can be made again, and where its gradients go."""

    def __init__(
        self, function: Callable, args: tuple, kwargs: dict, contexts: tuple, check: str,
        random: bool,
    ) -> None:  # fmt: skip
        self.function, self.args, self.kwargs = function, args, kwargs
        self.first_context, self.second_context = contexts
        self.checked = check != "none"
        self.random = random

    def first_run(self) -> Any:
        """The result, on a tape that has one node for the whole call."""
        if not modes.records():
            with self.first_context:
                return self.function(*self.args, **self.kwargs)
        self.surroundings = _Surroundings(self.random)
        with self.first_context:
            result, outs, places = self._run()
        # The tape of this run is only looked at: where does it lead out of the function?
        self.facts = [_facts(out) for out in outs]
        self.outside = _ways_out(outs, [edge(place) for place in places], self.born)
        originals = self._originals()
        edges = [edge(originals[way]) if isinstance(way, int) else way for way in self.outside]
        node = new_node(_CheckpointNode, edges)
        node.saved = (self,)
        wanted = [out for out in outs if edge(out) is not None]
        self.places = [i for i, out in enumerate(outs) if edge(out) is not None]
        made = {id(out): _renewed(out, node, i, len(wanted)) for i, out in enumerate(wanted)}
        return mapped(result, lambda out: made.get(id(out), out))

    def _originals(self) -> list[Tensor]:
        return [x for x in tensors_in((self.args, self.kwargs)) if x.requires_grad]

    def _run(self) -> tuple[Any, list[Tensor], list[Tensor]]:
        """Result, its tensors, and the names that the arguments go by inside."""
        self.born = next(ticks)
        inside: dict[int, Tensor] = {}

        def enter(x: Tensor) -> Tensor:
            if not x.requires_grad:
                return x
            if id(x) not in inside:
                inside[id(x)] = x.view_as(x)
            return inside[id(x)]

        with modes.enable_grad():
            args, kwargs = mapped((self.args, self.kwargs), enter)
            result = self.function(*args, **kwargs)
        return result, list(tensors_in(result)), [inside[id(x)] for x in self._originals()]

    def gradients(self, m: Any, grads: list) -> list:
        """Run again, then backward through that tape up to the ways out."""
        create = m is DIFFERENTIABLE
        with self.surroundings.back(), self.second_context:
            _, outs, places = self._run()
        if self.checked:
            self._check(outs)
        ways = [edge(places[way]) if isinstance(way, int) else way for way in self.outside]
        roots = [(edge(outs[i]), g) for i, g in zip(self.places, grads)]
        roots = [(root, g) for root, g in roots if root is not None and g is not None]
        kinds = [outs[i].array for i in self.places]
        kinds += [g for _, g in roots if not create and hasattr(g, "names")]
        walk = walk_for(kinds, create, create, outs[self.places[0]].device)
        walk.ask(ways, [root for root, _ in roots])
        with modes.enable_grad() if create else modes.no_grad():
            leaves = walk.run(roots)
        return [arrived(walk, leaves, way) for way in ways]

    def _check(self, outs: list[Tensor]) -> None:
        facts = [_facts(out) for out in outs]
        if facts != self.facts:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have "
                "different metadata than during the forward pass. The results were "
                f"{self.facts} and are now {facts}: the function must do the same each time "
                "(or pass determinism_check='none')"
            )


class _Plan:
    """How a walk passes through a checkpointed call."""

    fields: tuple = ()

    def run(self, m: Any, g: list, node: Node, lift: Any) -> list:
        return node.saved[0].gradients(m, g)


class _CheckpointNode(Node):
    __slots__ = ()
    plan = _Plan()

    def name(self) -> str:
        return "CheckpointBackward"


def _facts(out: Tensor) -> tuple:
    return tuple(out.shape), out.dtype, out.device


def _renewed(out: Tensor, node: Node, index: int, count: int) -> Tensor:
    """The same memory on the tape of the outside."""
    made = make(out.array, out.device)
    made.version = out.version
    made.needs, made.node = True, Port(node, index, count)
    return made


def _ways_out(outs: list[Tensor], entries: list, born: int) -> list[Any]:
    """Where the tape behind `outs` leaves what was recorded since `born`.

    Arguments come as their number, other leaves and older nodes as they are.
    """
    numbers = {}
    for number, entry in enumerate(entries):
        numbers.setdefault(entry, number)
    found: dict[Any, Any] = {}
    stack = [edge(out) for out in outs]
    seen = set()
    while stack:
        way = stack.pop()
        node = way.node if way.__class__ is Port else way
        if way is None or (way.__class__ is not Port and way in seen):
            continue
        if way in numbers:
            found[way] = numbers[way]
        elif not node.is_node or node.tick < born:
            found[(node, way.index) if way.__class__ is Port else way] = way
        elif node not in seen:
            stack += node.edges
        seen.add(node)
    return list(found.values())


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Accepted: a second run always goes to its end here."""
    yield


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Accepted: what went wrong is always said."""
    yield
