"""L-BFGS: Newton's direction from the last few changes of the gradient, and a line search."""

from collections.abc import Callable
from typing import Any, NamedTuple

from .._core.modes import enable_grad, no_grad
from .._ops.complex_numbers import view_as_real
from .._ops.joining import cat
from .._tensor import Tensor
from ._elementwise import check_lr
from .optimizer import Named, Optimizer, ParamsT, options


class _Point(NamedTuple):
    """A place on the search line: how far, the loss, the gradient, and the slope along it."""

    step: Any
    loss: float
    grad: Tensor
    slope: Any


class LBFGS(Optimizer):
    """L-BFGS with an optional line search for the strong Wolfe conditions.

    Its step needs a closure that clears gradients, computes the loss, calls backward and returns
    the loss; it is evaluated several times.

    Args:
        params: parameters, in one group.
        lr: length of a step (the first try of the line search).
        max_iter: iterations in one call of `step`.
        max_eval: evaluations in one call; 1.25 max_iter unless given.
        tolerance_grad: stop where the largest gradient is below.
        tolerance_change: stop where parameters or loss change less.
        history_size: how many changes are kept.
        line_search_fn: None or "strong_wolfe".

    Source: Liu and Nocedal, "On the limited memory BFGS method", 1989.
    """

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1, max_iter: int = 20,
        max_eval: int | None = None, tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9,
        history_size: int = 100, line_search_fn: str | None = None,
    ) -> None:  # fmt: skip
        check_lr(lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        names = "lr max_iter max_eval tolerance_grad tolerance_change history_size line_search_fn"
        super().__init__(params, options(locals(), names))
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:
        """Run up to `max_iter` iterations and return the loss before the first.

        Args:
            closure: evaluates the model with gradients and returns the loss.
        """
        group = self.param_groups[0]
        closure = enable_grad()(closure)
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = closure()
        state["func_evals"] += 1
        loss, grad = float(first_loss), self._gather_flat_grad()
        if grad.abs().max() <= group["tolerance_grad"]:
            return first_loss
        evaluations = 1
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            self._update_direction(grad, state, group["history_size"])
            previous, state["prev_flat_grad"], state["prev_loss"] = loss, grad, loss
            slope = grad.dot(state["d"])
            lr = group["lr"]
            state["t"] = min(1.0, 1.0 / grad.abs().sum()) * lr if state["n_iter"] == 1 else lr
            if slope > -group["tolerance_change"]:
                break
            last = iteration == group["max_iter"]
            start = _Point(0, loss, grad, slope)
            loss, grad, cost = self._advance(closure, start, state, group, evaluations, last)
            evaluations += cost
            state["func_evals"] += cost
            if (
                last
                or evaluations >= group["max_eval"]
                or _settled(grad, state, loss - previous, group)
            ):
                break
        return first_loss

    def _advance(
        self, closure: Callable, start: _Point, state: dict, group: dict, used: int, last: bool
    ) -> tuple[float, Tensor, int]:
        """Move along the direction; the new loss and gradient, and what they cost."""
        search = group["line_search_fn"]
        if search is None:
            self._add_grad(state["t"], state["d"])
            if last:  # nobody will look at the gradient there
                return start.loss, start.grad, 0
            return float(closure()), self._gather_flat_grad(), 1
        if search != "strong_wolfe":
            raise RuntimeError(f"only 'strong_wolfe' is supported; line_search_fn is {search!r}")
        direction, origin = state["d"], [param.clone() for param in self._params]

        def evaluate(step: Any) -> _Point:
            self._add_grad(step, direction)
            loss, grad = float(closure()), self._gather_flat_grad()
            for param, saved in zip(self._params, origin):
                param.copy_(saved)
            return _Point(step, loss, grad, grad.dot(direction))

        point, cost = _strong_wolfe(
            evaluate, start, state["t"], direction.abs().max(), limit=group["max_eval"] - used
        )
        state["t"] = point.step
        self._add_grad(point.step, direction)
        return point.loss, point.grad, cost

    @staticmethod
    def _update_direction(grad: Tensor, state: Named, history_size: int) -> None:
        """Take in the last change, and turn the gradient into a direction (two loops)."""
        if state["n_iter"] == 1:
            state.update(d=grad.neg(), old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return
        changes, steps, inverses = state["old_dirs"], state["old_stps"], state["ro"]
        change, step = grad - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = change.dot(step)
        if curvature > 1e-10:  # a flatter change would spoil the matrix
            if len(changes) == history_size:
                for history in (changes, steps, inverses):
                    history.pop(0)
            changes.append(change)
            steps.append(step)
            inverses.append(1.0 / curvature)
            state["H_diag"] = curvature / change.dot(change)
        shares = state.setdefault("al", [None] * history_size)
        direction = grad.neg()
        for i in reversed(range(len(changes))):
            shares[i] = steps[i].dot(direction) * inverses[i]
            direction = direction - changes[i] * shares[i]
        direction = direction * state["H_diag"]
        for i in range(len(changes)):
            share = changes[i].dot(direction) * inverses[i]
            direction = direction + steps[i] * (shares[i] - share)
        state["d"] = direction

    def _gather_flat_grad(self) -> Tensor:
        parts = []
        for param in self._params:
            grad = param.new_zeros(param.shape) if param.grad is None else param.grad
            parts.append((view_as_real(grad) if grad.is_complex() else grad).reshape(-1))
        return cat(parts, 0)

    def _add_grad(self, step_size: Any, update: Tensor) -> None:
        """Move all parameters by `step_size` times the row `update`."""
        offset = 0
        for param in self._params:
            target = view_as_real(param) if param.is_complex() else param
            part = update[offset : offset + target.numel()]
            target.add_(part.reshape(target.shape) * step_size)
            offset += target.numel()


def _settled(grad: Tensor, state: Named, change: float, group: Named) -> bool:
    """Whether gradient, step or loss say that there is nothing left to gain."""
    tolerance = group["tolerance_change"]
    return bool(
        grad.abs().max() <= group["tolerance_grad"]
        or (state["d"] * state["t"]).abs().max() <= tolerance
        or abs(change) < tolerance
    )


def _cubic_minimum(a: _Point, b: _Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through two points with their slopes is least, within bounds.

    Source: Nocedal and Wright, "Numerical optimization", equation 3.59.
    """
    if a.step > b.step:
        a, b = b, a
    low, high = bounds if bounds is not None else (a.step, b.step)
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.step - b.step)
    square = d1**2 - a.slope * b.slope
    if square < 0:
        return (low + high) / 2.0
    d2 = square.sqrt()
    least = b.step - (b.step - a.step) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(least, low), high)


# The usual constants of the Wolfe conditions (Nocedal and Wright, section 3.1): how much the loss
# must fall, and how much the slope must flatten. A bracket narrower than the last is left.
_FALL, _FLATTEN, _NARROW = 1e-4, 0.9, 1e-9


def _strong_wolfe(
    evaluate: Callable[[Any], _Point], start: _Point, step: Any, size: Any, *, limit: int
) -> tuple[_Point, int]:
    """A point on the line that meets the strong Wolfe conditions, and its evaluations.

    Source: Nocedal and Wright, algorithms 3.5 and 3.6.
    """
    previous, point = start, evaluate(step)
    for tries in range(limit):
        rises = tries > 1 and point.loss >= previous.loss
        if _too_high(point, start) or rises:
            break
        if _flat(point, start):
            return point, tries + 1
        if point.slope >= 0:
            break
        bounds = point.step + 0.01 * (point.step - previous.step), point.step * 10
        following = _cubic_minimum(previous, point, bounds)
        previous, point = point, evaluate(following)
    else:
        tries, previous = limit, start
    return _zoom(evaluate, start, [previous, point], size, tries, limit)


def _too_high(point: _Point, start: _Point) -> bool:
    return bool(point.loss > start.loss + _FALL * point.step * start.slope)


def _flat(point: _Point, start: _Point) -> bool:
    return bool(abs(point.slope) <= -_FLATTEN * start.slope)


def _zoom(
    evaluate: Callable[[Any], _Point], start: _Point, bracket: list[_Point], size: Any, tries: int,
    limit: int,
) -> tuple[_Point, int]:  # fmt: skip
    """Narrow a bracket until a point in it meets both conditions."""
    low = _lower(bracket)
    stuck = False
    while tries < limit:
        if abs(bracket[1].step - bracket[0].step) * size < _NARROW:
            break
        step, stuck = _inside(_cubic_minimum(bracket[0], bracket[1]), bracket, stuck)
        point = evaluate(step)
        tries += 1
        if _too_high(point, start) or point.loss >= bracket[low].loss:
            bracket[1 - low] = point
            low = _lower(bracket)
            continue
        done = _flat(point, start)
        if not done and point.slope * (bracket[1 - low].step - bracket[low].step) >= 0:
            bracket[1 - low] = bracket[low]
        bracket[low] = point
        if done:
            break
    return bracket[low], tries + 1


def _lower(bracket: list[_Point]) -> int:
    return 0 if bracket[0].loss <= bracket[1].loss else 1


def _inside(step: Any, bracket: list[_Point], stuck: bool) -> tuple[Any, bool]:
    """Keep a step off the ends of its bracket, at once or if it comes near twice running."""
    left, right = sorted((bracket[0].step, bracket[1].step))
    margin = 0.1 * (right - left)
    if min(right - step, step - left) >= margin:
        return step, False
    if not (stuck or step >= right or step <= left):
        return step, True
    nearer_right = abs(step - right) < abs(step - left)
    return (right - margin if nearer_right else left + margin), False
