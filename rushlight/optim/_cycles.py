"""Schedules that rise and fall: cyclic, one cycle, and cosines that start again."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from ._schedule import (
    LRScheduler,
    asked_by_step,
    check_optimizer,
    check_strategy,
    per_group,
    replayed,
    saved_callable,
    set_option,
    without,
)
from .optimizer import Named, Optimizer


class _WithMomentum(LRScheduler):
    """A schedule that moves momentum (or the first beta) against the learning rate."""

    cycle_momentum: bool
    use_beta1: bool

    def _start_momentum(
        self, optimizer: Optimizer, base: Any, top: Any, last_epoch: int
    ) -> tuple[list[Any], list[Any]]:
        """The bounds for each group; the groups start from the upper one."""
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled; "
                f"{type(optimizer).__name__} has neither: pass cycle_momentum=False"
            )
        self.use_beta1 = "betas" in optimizer.defaults
        least = per_group("base_momentum", optimizer, base)
        most = per_group("max_momentum", optimizer, top)
        if last_epoch == -1:
            for group, low, high in zip(optimizer.param_groups, least, most):
                self._set_momentum(group, high)
                group["max_momentum"] = high
                group["base_momentum"] = low
        return least, most

    def _set_momentum(self, group: Named, value: Any) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class CyclicLR(_WithMomentum):
    """The rate goes up and down between `base_lr` and `max_lr`, once a cycle of steps.

    Args: those of `LRScheduler`, and
        base_lr, max_lr: bounds, for all groups or for each.
        step_size_up, step_size_down: steps of the rise and of the fall (the same unless given).
        mode: "triangular", "triangular2" (half the height each cycle) or "exp_range" (height
            times gamma each step).
        gamma: for "exp_range".
        scale_fn: the height's factor, instead of `mode`.
        scale_mode: whether `scale_fn` is of the "cycle" or of the "iterations".
        cycle_momentum: move momentum the other way, between the two bounds that follow.
        base_momentum, max_momentum: bounds of the momentum.

    Source: Smith, "Cyclical learning rates for training neural networks", 2017.
    """

    def __init__(
        self, optimizer: Optimizer, base_lr: float | list[float], max_lr: float | list[float],
        step_size_up: int = 2000, step_size_down: int | None = None, mode: str = "triangular",
        gamma: float = 1.0, scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle", cycle_momentum: bool = True, base_momentum: float = 0.8,
        max_momentum: float = 0.9, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        check_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups):
                set_option(group, "lr", lr)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(f"mode is invalid and scale_fn is None; mode is {mode!r}")
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        self._init_scale_fn()
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            bounds = self._start_momentum(optimizer, base_momentum, max_momentum, last_epoch)
            self.base_momentums, self.max_momentums = bounds
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _init_scale_fn(self) -> None:
        if self._scale_fn_custom is not None:
            return
        self.scale_mode = "iterations" if self.mode == "exp_range" else "cycle"
        self._scale_fn_ref: Callable[[float], float] = {
            "triangular": _full_height,
            "triangular2": _halved_height,
            "exp_range": partial(_fading_height, self.gamma),
        }[self.mode]

    def scale_fn(self, x: float) -> float:
        """The height's factor in cycle (or at step) `x`."""
        return (self._scale_fn_custom or self._scale_fn_ref)(x)

    def _rates(self) -> list[Any]:
        """The rates of this step; sets the momentum beside them."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        rising = x <= self.step_ratio
        height = x / self.step_ratio if rising else (x - 1) / (self.step_ratio - 1)
        factor = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.base_momentums, self.max_momentums)
            for group, (low, high) in zip(self.optimizer.param_groups, bounds):
                self._set_momentum(group, high - (high - low) * height * factor)
        return [
            low + (high - low) * height * factor for low, high in zip(self.base_lrs, self.max_lrs)
        ]

    def state_dict(self) -> Named:
        """All attributes; of a scale function only what a callable object holds."""
        state = super().state_dict()
        state.pop("_scale_fn_ref", None)
        function = state.pop("_scale_fn_custom")
        state["_scale_fn_custom"] = None if function is None else saved_callable(function)
        return state

    def load_state_dict(self, state_dict: Named) -> None:
        super().load_state_dict(without(state_dict, "_scale_fn_custom"))
        if state_dict.get("_scale_fn_custom") is not None:
            self._scale_fn_custom.__dict__.update(state_dict["_scale_fn_custom"])
        self._init_scale_fn()


def _full_height(cycle: float) -> float:
    return 1.0


def _halved_height(cycle: float) -> float:
    return 1 / (2.0 ** (cycle - 1))


def _fading_height(gamma: float, step: float) -> float:
    return gamma**step


class CosineAnnealingWarmRestarts(LRScheduler):
    """The rate falls along half a cosine and starts again from the top.

    Args: those of `LRScheduler`, and
        T_0: epochs until the first restart.
        T_mult: each period is so many times longer than the one before.
        eta_min: the lowest rate.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        if T_0 <= 0 or not isinstance(T_0, int):
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if T_mult < 1 or not isinstance(T_mult, int):
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, float | int):
            raise ValueError(
                f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}"
            )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def _rates(self) -> list[Any]:
        height = 1 + math.cos(math.pi * self.T_cur / self.T_i)
        return [self.eta_min + (base - self.eta_min) * height / 2 for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on by one epoch, or to `epoch`, which may have a fraction."""
        if replayed(CosineAnnealingWarmRestarts.step, self, epoch):
            return
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._go_to(epoch)
        self.last_epoch = math.floor(epoch)
        with asked_by_step(self):
            self._set_lr(self.get_lr())

    def _go_to(self, epoch: float) -> None:
        if epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:  # n periods have passed: a geometric series
            ratio = self.T_mult
            n = int(math.log(epoch / self.T_0 * (ratio - 1) + 1, ratio))
            self.T_cur = epoch - self.T_0 * (ratio**n - 1) / (ratio - 1)
            self.T_i = self.T_0 * ratio**n


class OneCycleLR(_WithMomentum):
    """The rate climbs once to `max_lr` and then falls far below its start.

    Args: those of `LRScheduler`, and
        max_lr: the top, for all groups or for each.
        total_steps: of the cycle; or give `epochs` and `steps_per_epoch`.
        pct_start: the share of the climb.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: move momentum the other way.
        base_momentum, max_momentum: bounds of the momentum.
        div_factor: the start is `max_lr / div_factor`.
        final_div_factor: the end is the start divided by this.
        three_phase: fall to the start as long as the climb took, and only then below it.

    Source: Smith and Topin, "Super-convergence", 2018.
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float | list[float], total_steps: int | None = None,
        epochs: int | None = None, steps_per_epoch: int | None = None, pct_start: float = 0.3,
        anneal_strategy: str = "cos", cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85, max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0, final_div_factor: float = 1e4, three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        check_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        self._schedule_phases = _phases(
            float(pct_start * self.total_steps), self.total_steps, three_phase
        )
        check_strategy(anneal_strategy)
        self._anneal_func_type = anneal_strategy
        tops = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for top, group in zip(tops, optimizer.param_groups):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _anneal_func(self, start: Any, end: Any, share: float) -> Any:
        """What lies between `start` and `end` after a share of the way."""
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)

    def _rates(self) -> list[Any]:
        """The rates of this step; sets the momentum beside them."""
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"Tried to step {step} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        begin, index = 0.0, 0
        while index < len(self._schedule_phases) - 1:
            if step <= self._schedule_phases[index]["end_step"]:
                break
            begin = self._schedule_phases[index]["end_step"]
            index += 1
        phase = self._schedule_phases[index]
        share = (step - begin) / (phase["end_step"] - begin)
        rates = []
        for group in self.optimizer.param_groups:
            ends = group[phase["start_lr"]], group[phase["end_lr"]]
            rates.append(self._anneal_func(*ends, share))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._anneal_func(*ends, share))
        return rates


def _total_steps(total: int | None, epochs: int | None, per_epoch: int | None) -> int:
    if total is not None:
        given = {"total_steps": total}
    elif epochs is not None and per_epoch is not None:
        given = {"epochs": epochs, "steps_per_epoch": per_epoch}
    else:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    for name, value in given.items():
        if value <= 0 or not isinstance(value, int):
            raise ValueError(f"Expected positive integer {name}, but got {value}")
    return math.prod(given.values())


def _phases(climb: float, total: int, three: bool) -> list[Named]:
    """The parts of the cycle, by the names of the groups' options at their ends."""
    ways = [("initial_lr", "max_lr", "max_momentum", "base_momentum", climb - 1)]
    if three:
        ways.append(("max_lr", "initial_lr", "base_momentum", "max_momentum", 2 * climb - 2))
        ways.append(("initial_lr", "min_lr", "max_momentum", "max_momentum", total - 1))
    else:
        ways.append(("max_lr", "min_lr", "base_momentum", "max_momentum", total - 1))
    names = "start_lr", "end_lr", "start_momentum", "end_momentum", "end_step"
    return [dict(zip(names, way)) for way in ways]
