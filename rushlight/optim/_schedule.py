"""What all learning-rate schedules share."""

import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from .._core.hosted import Combined, acted, ways
from .._tensor import Tensor
from .optimizer import Named, Optimizer

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler. During the deprecation, if "
    "epoch is different from None, the closed form is used instead of the new chainable form, "
    "where available."
)
_SEE = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"


def copied(value: Any) -> Any:
    """The value; a tensor is cloned, so that nobody else's changes reach it."""
    return value.clone() if isinstance(value, Tensor) else value


def current(optimizer: Optimizer, key: str) -> list[Any]:
    """The option `key` of each group."""
    return [copied(group[key]) for group in optimizer.param_groups]


def set_option(group: Named, key: str, value: Any) -> None:
    """Set an option; where it is a tensor, fill that, so that its other holders see it."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value)
    else:
        group[key] = value


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value for each group, from one for all or a list of them."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        value = [value] * groups
    elif len(value) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has "
            f"{len(value)} values, param_groups has {groups}."
        )
    return [copied(item) for item in value]


def replayed(step: Callable, scheduler: Any, *given: Any, value: Any = None) -> bool:
    """Whether a trace takes `step` over, to run it as Python at each run (with a value)."""
    act = Combined(partial(step, scheduler), *ways(given))
    return acted(act, lambda: _changed(scheduler), value)


def _changed(scheduler: Any) -> Iterator[Any]:
    yield vars(scheduler)
    for group in scheduler.optimizer.param_groups:
        yield group
        yield from (value for value in group.values() if isinstance(value, Tensor))
    for inner in getattr(scheduler, "_schedulers", ()):
        yield from _changed(inner)


def without(state: Named, *names: str) -> Named:
    """A copy that lacks some entries."""
    return {key: value for key, value in state.items() if key not in names}


def check_optimizer(optimizer: Any) -> None:
    """Refuse what is not an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def check_strategy(strategy: str) -> None:
    """Refuse what is no way from one rate to another."""
    if strategy not in ("cos", "linear"):
        raise ValueError(
            f"anneal_strategy must be one of 'cos' or 'linear', instead got {strategy}"
        )


class LRScheduler:
    """Sets the learning rate of each group as the epochs go by; subclasses give `get_lr`.

    Args:
        optimizer: whose groups are changed.
        last_epoch: -1 to start; otherwise the epoch after which training goes on.
    """

    _get_lr_called_within_step = False
    _is_initial = False
    _replays = True  # a captured program runs `step` itself

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{index}] when resuming "
                    "scheduler with last_epoch >= 0.\nThis typically happens when:\n"
                    "1. You're trying to resume training from a checkpoint but haven't properly "
                    "loaded the optimizer state\n"
                    "2. You're using last_epoch >= 0 for a fresh training run (not recommended)"
                )
        self.base_lrs: list[Any] = current(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        if optimizer._opt_called is None:
            optimizer._opt_called = False  # from now on its steps are noted
        optimizer._step_when_scheduled = optimizer.__dict__.get("step")
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> Named:
        """All attributes but the optimizer."""
        return without(self.__dict__, "optimizer")

    def load_state_dict(self, state_dict: Named) -> None:
        """Take over what `state_dict` gave."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The learning rates that were set last, one a group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The learning rates of this epoch, for `step` alone; others ask `get_last_lr`."""
        rates = self._rates()
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`.",
                stacklevel=2,
            )
        return rates

    def _rates(self) -> list[Any]:
        """To be given by each schedule."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Go on by one epoch (or to `epoch`) and set the learning rates."""
        if replayed(LRScheduler.step, self, epoch):
            return
        if self._step_count == 1:
            self._warn_of_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, stacklevel=2)
        self._update_lr(epoch)

    def _warn_of_order(self) -> None:
        optimizer = self.optimizer
        if optimizer.__dict__.get("step") is not getattr(optimizer, "_step_when_scheduled", None):
            text = (
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
                "initialization. Please, make sure to call `optimizer.step()` before "
                "`lr_scheduler.step()`."
            )
        elif not optimizer._opt_called and "step" not in optimizer.__dict__:
            text = (
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch "
                "1.1.0 and later, you should call them in the opposite order: `optimizer.step()` "
                "before `lr_scheduler.step()`.  Failure to do this will result in PyTorch "
                "skipping the first value of the learning rate schedule."
            )
        else:
            return
        warnings.warn(f"{text} {_SEE}", stacklevel=3)

    def _update_lr(self, epoch: int | None = None) -> None:
        with asked_by_step(self):
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                values = getattr(self, "_get_closed_form_lr", self.get_lr)()
        self._set_lr(values)

    def _set_lr(self, values: list[Any]) -> None:
        for group, value in zip(self.optimizer.param_groups, values):
            set_option(group, "lr", value)
        self._last_lr: list[Any] = current(self.optimizer, "lr")


_LRScheduler = LRScheduler  # the name that older programs inherit from


@contextmanager
def asked_by_step(scheduler: LRScheduler) -> Iterator[None]:
    """While the step itself asks for `get_lr`, which warns others who do."""
    scheduler._get_lr_called_within_step = True
    try:
        yield
    finally:
        scheduler._get_lr_called_within_step = False


def saved_callable(function: Any) -> Named | None:
    """The attributes of a callable object; None for a function, which is not saved."""
    return None if isinstance(function, types.FunctionType) else function.__dict__.copy()
