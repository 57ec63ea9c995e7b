"""The optimizers that change each element by a rule of its own: all but LBFGS."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy import ndarray

from .._core import dtypes, modes
from .._core.hosted import beginning
from .._core.hosted import numbers as hosted_numbers
from .._core.views import written
from .._creation.data import tensor
from .._creation.filled import zeros_like
from .._tensor import Tensor
from ._update import Plan, plan_of
from ._values import run_on_values
from .optimizer import Named, Optimizer, ParamsT, options


def check(holds: Any, text: str) -> None:
    """Refuse an option that has no meaning."""
    if not holds:
        raise ValueError(text)


def check_lr(lr: Any, words: str = "Invalid learning rate") -> None:
    """Refuse a learning rate that is negative or has several elements."""
    check(not isinstance(lr, Tensor) or lr.numel() == 1, "Tensor lr must be 1-element")
    check(lr >= 0.0, f"{words}: {lr}")


def check_nonnegative(**values: Any) -> None:
    """Refuse options below zero, given by the names that PyTorch's messages have for them."""
    for name, value in values.items():
        check(value >= 0.0, f"Invalid {name} value: {value}")


# What may not be below zero in any optimizer that has it, and PyTorch's names in its messages.
_NONNEGATIVE = {"eps": "epsilon"} | {
    name: name
    for name in "lr_decay weight_decay momentum momentum_decay initial_accumulator_value".split()
}


def check_options(given: Named) -> None:
    """Refuse options that have no meaning, and flags that exclude one another."""
    check_lr(given["lr"])
    check_nonnegative(**{_NONNEGATIVE[name]: given[name] for name in _NONNEGATIVE if name in given})
    for index in range(2 * ("betas" in given)):
        beta = given["betas"][index]
        check(0.0 <= beta < 1.0, f"Invalid beta parameter at index {index}: {beta}")
    if given.get("fused") and given["differentiable"]:
        raise RuntimeError("`fused` does not support `differentiable`")
    if given.get("fused") and given["foreach"]:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def scalar(value: float) -> Tensor:
    """A count or product kept beside a parameter, in PyTorch's dtype for these."""
    default = dtypes.get_default_dtype()
    return tensor(float(value), dtype=default if default == dtypes.float64 else dtypes.float32)


def number(value: Any) -> Any:
    """A Python float; a tensor stays one only where gradients flow to it."""
    if value.__class__ is float or value.__class__ is int:
        return value
    if isinstance(value, Tensor):
        if value.requires_grad:
            return value.squeeze()
        return value.item()
    return float(value)


def traced() -> bool:
    """Whether a trace is being made: it must see tensors, not memory."""
    return modes.special > 0 and modes.local.trace is not None


def tick(step: Tensor) -> float:
    """Count one more step and say how many there are."""
    array = step.array
    if array.__class__ is ndarray and not traced():
        np.add(array, 1, array)
        written(step)
        return float(array)
    step.add_(1)
    return step.item()


def store(kept: Tensor, value: float) -> None:
    """Let a 0-dimensional tensor hold `value`."""
    array = kept.array
    if array.__class__ is ndarray and not traced():
        array[...] = value
        written(kept)
    else:
        kept.fill_(value)


def penalty(group: Named) -> Any:
    """The weight of the L2 penalty, or None for none."""
    value = number(group["weight_decay"])
    return None if value.__class__ in (int, float) and value == 0 else value


def penalty_or_shrink(group: Named, lr: Any) -> tuple[Any, Any]:
    """The weight of the L2 penalty, or instead the factor that shrinks the parameter itself."""
    decay = penalty(group)
    if decay is None or not group["decoupled_weight_decay"]:
        return decay, None
    return None, 1 - lr * decay


def decayed(grad: Any, param: Any, weight_decay: Any) -> Any:
    """The gradient with that of the L2 penalty."""
    return grad.add(param, alpha=weight_decay) if weight_decay is not None else grad


class Elementwise(Optimizer):
    """An optimizer whose update is one rule for a parameter, its gradient and their state.

    A subclass gives `numbers` (what is the same for all elements) and `rule` (what happens to the
    elements), and names in `_options` what a group has. It makes a state of its own in `start` if
    that is more than zeros.
    """

    _options: ClassVar[str]  # what a group has, in PyTorch's order
    # Options that came to PyTorch's optimizers later: older checkpoints lack them.
    _later: ClassVar[Named] = dict(
        foreach=None, fused=None, maximize=False, differentiable=False, capturable=False,
        amsgrad=False, nesterov=False, decoupled_weight_decay=False, momentum=0, centered=False,
    )  # fmt: skip
    _kept: ClassVar[tuple[str, ...]] = ()  # entries of the state that start as zeros
    scalars: ClassVar[tuple[str, ...]] = ("step",)  # entries of the state with one element

    def start(self, param: Tensor, state: Named, group: Named) -> None:
        """Fill the empty state of a parameter: no steps yet, and zeros like it."""
        state["step"] = scalar(0.0)
        state.update(moments(param, *self._kept))

    def ahead(self, param: Tensor, state: Named, group: Named) -> None:
        """The same before a step that is captured: one that all later steps are like."""
        self.start(param, state, group)

    def numbers(self, param: Tensor, state: Named, group: Named) -> Named:
        """The rule's keyword arguments for this step; counts the step."""
        raise NotImplementedError

    rule: Callable

    def __init__(self, params: ParamsT, given: Named) -> None:
        """`given` are a subclass's arguments, as `locals()` tells them."""
        check_options(given)
        super().__init__(params, options(given, self._options))
        self._plans: dict[int, Plan] = {}  # by the parameter's id

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = self._evaluate(closure)
        with np.errstate(all="ignore"):
            for group in self.param_groups:
                self._update(group)
        return loss

    def _update(self, group: Named) -> None:
        maximize, numbers_of = group["maximize"], self._hosted if traced() else self.numbers
        in_place = not (group["differentiable"] or traced())
        for param in group["params"]:
            grad = param.grad
            if grad is None:
                continue
            if group.get("capturable"):
                _check_capturable(param)
            state = known = self.state.get(param)
            if not state:
                state = self._begin(param, group)
            numbers = numbers_of(param, state, group)
            if state and state is not known:
                self.state[param] = state
            plan = self._plan(param, state) if in_place else None
            if plan is None or not plan.run(self.rule, grad.array, numbers, maximize):
                self._update_values(param, grad, state, numbers, group)

    def _hosted(self, param: Tensor, state: Named, group: Named) -> Named:
        """`numbers` of a step that is being captured: worked out anew at each run."""
        scalars = [state[name] for name in self.scalars if isinstance(state.get(name), Tensor)]
        return hosted_numbers(partial(self.numbers, param, state, group), scalars)

    def _begin(self, param: Tensor, group: Named) -> Named:
        """The state before the first step; counts lie with the parameter where it is captured."""
        if traced() and not group["differentiable"]:
            begin = partial(self._started, self.ahead, param, group)
            return beginning(begin, self.state, param)
        return self._started(self.start, param, group)

    def _started(self, start: Callable, param: Tensor, group: Named) -> Named:
        state: Named = {}
        start(param, state, group)
        if group.get("capturable") or group.get("fused"):
            for name in self.scalars:
                state[name] = state[name].to(param.device)
        return state

    def _plan(self, param: Tensor, state: Named) -> Plan | None:
        """The parameter's plan, made anew if its memory or its state is another."""
        plan = self._plans.get(id(param))
        if plan is None or not plan.fits(param, state):
            plan = plan_of(param, self._moments(state))
            if plan is not None:
                self._plans[id(param)] = plan
        return plan

    def _moments(self, state: Named) -> dict[str, Tensor]:
        """The entries of the state that are like the parameter."""
        return {
            name: kept
            for name, kept in state.items()
            if name not in self.scalars and kept is not None
        }

    def _update_values(
        self, param: Tensor, grad: Tensor, state: Named, numbers: Named, group: Named
    ) -> None:
        kept, differentiable = self._moments(state), group["differentiable"]
        with self._grad_mode():
            changed = run_on_values(
                self.rule, param, grad, kept, numbers, group["maximize"], differentiable
            )
        if differentiable:
            state.update(changed)

    def __setstate__(self, state: Named) -> None:
        super().__setstate__(state)
        self._plans = {}
        for group in self.param_groups:
            for name in self._options.split():
                if name in self._later:
                    group.setdefault(name, self._later[name])
            for param in group["params"]:
                kept = self.state.get(param, {})
                for name in self.scalars:
                    if name in kept and not isinstance(kept[name], Tensor):
                        kept[name] = scalar(kept[name])


_CAPTURABLE = ["cuda", "xpu", "hpu", "privateuseone", "xla"]


def _check_capturable(param: Tensor) -> None:
    if param.device.type not in _CAPTURABLE:
        raise AssertionError(
            "If capturable=True, params and state_steps must be on supported devices: "
            f"{_CAPTURABLE}. This parameter is on {param.device}: leave capturable=False"
        )


def moments(param: Tensor, *names: str) -> dict[str, Tensor]:
    """Zeros like the parameter, under each name."""
    return {name: zeros_like(param) for name in names}
