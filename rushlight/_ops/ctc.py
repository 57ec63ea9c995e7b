"""Connectionist temporal classification: the loss over all alignments of labels with time.

Graves, Fernandez, Gomez and Schmidhuber, 2006. Labels are laid out with blanks between and around
them; alpha[s] is the log-probability of all paths that have reached place s, beta[s] of all paths
from there to the end.
"""

from typing import Any

from .._core.op import op

_NEVER = -float("inf")


def _laid_out(m: Any, targets: Any, blank: int) -> Any:
    """(n, 2 * labels + 1): blank, label, blank, label ... blank."""
    n, longest = targets.shape
    blanks = m.full((n, longest, 1), blank, m.int64)
    pairs = m.concat([blanks, m.reshape(targets, (n, longest, 1))], axis=2)
    return m.concat([m.reshape(pairs, (n, 2 * longest)), m.full((n, 1), blank, m.int64)], axis=1)


def _shifted(m: Any, x: Any, by: int) -> Any:
    """x moved `by` places to the right (left, if negative), impossible places before it."""
    width = x.shape[1]
    if by > 0:
        return m.pad(
            m.index(x, (slice(None), slice(0, max(width - by, 0)))),
            [(0, 0), (min(by, width), 0)],
            _NEVER,
        )
    return m.pad(
        m.index(x, (slice(None), slice(min(-by, width), None))),
        [(0, 0), (0, min(-by, width))],
        _NEVER,
    )


def _log_sum(m: Any, *terms: Any) -> Any:
    """log(exp(a) + exp(b) ...) where all may be minus infinity."""
    peak = terms[0]
    for t in terms[1:]:
        peak = m.maximum(peak, t)
    safe = m.where(peak == _NEVER, 0, peak)
    total = 0
    for t in terms:
        total = m.exp(t - safe) + total
    return _log(m, total) + safe


def _log(m: Any, x: Any) -> Any:
    """log(x), minus infinity for 0 without a warning."""
    return m.where(x > 0, m.log(m.where(x > 0, x, 1)), _NEVER)


class _Lattice:
    """The places of all label rows, and which moves between them are allowed."""

    def __init__(
        self, m: Any, log_probs: Any, targets: Any, steps: Any, labels: Any, blank: int
    ) -> None:
        self.m, self.time = m, log_probs.shape[0]
        self.laid = _laid_out(m, targets, blank)  # (n, places)
        width = self.laid.shape[1]
        self.place = m.reshape(m.arange(0, width, 1, m.int64), (1, width))
        self.steps, self.last = m.reshape(steps, (-1, 1)), m.reshape(labels * 2, (-1, 1))
        before = m.pad(
            m.index(self.laid, (slice(None), slice(0, max(width - 2, 0)))),
            [(0, 0), (min(2, width), 0)],
            blank,
        )
        self.skip_in = (self.laid != blank) & (
            self.laid != before
        )  # a label may follow another at once
        every = m.broadcast_to(self.laid, (self.time, *self.laid.shape))
        self.emit = m.take_along_axis(log_probs, every, 2)  # (time, n, places)

    def _over_time(self, step: Any, reverse: bool = False) -> Any:
        """What `step(before, emitted, time)` makes at each time: (time, n, places)."""
        m, times = self.m, self.m.arange(0, self.time, 1, self.m.int64)

        def made(carry: tuple, given: tuple) -> tuple:
            after = step(*carry, *given)
            return (after,), (after,)

        nowhere = m.full(self.laid.shape, _NEVER, self.emit.dtype)
        return m.scan(made, (nowhere,), (self.emit, times), reverse)[1][0]

    def alphas(self) -> Any:
        """Log-probabilities of having reached each place at each time; frozen at a row's end."""
        m = self.m

        def step(alpha: Any, emit: Any, t: Any) -> Any:
            skip = m.where(self.skip_in, _shifted(m, alpha, 2), _NEVER)
            moved = _log_sum(m, alpha, _shifted(m, alpha, 1), skip) + emit
            begun = m.where(self.place < 2, emit, _NEVER)
            return m.where(t == 0, begun, m.where(self.steps > t, moved, alpha))

        return self._over_time(step)

    def losses(self, alpha: Any) -> Any:
        """(n,): minus the log-probability of ending at the last label or the blank after it."""
        m = self.m
        end = (self.place == self.last) | (self.place == self.last - 1)
        final = m.where(end, alpha, _NEVER)
        peak = m.max(final, axis=1, keepdims=True)
        safe = m.where(peak == _NEVER, 0, peak)
        total = m.sum(m.exp(final - safe), axis=1)
        return -(_log(m, total) + m.reshape(safe, (-1,)))

    def betas(self) -> Any:
        """Log-probabilities of all that comes from each place on, inclusive, at each time."""
        m = self.m
        end = (self.place == self.last) | (self.place == self.last - 1)
        skip_out = _shifted(m, m.where(self.skip_in, 0.0, _NEVER), -2) == 0

        def step(beta: Any, emit: Any, t: Any) -> Any:
            skip = m.where(skip_out, _shifted(m, beta, -2), _NEVER)
            moved = _log_sum(m, beta, _shifted(m, beta, -1), skip) + emit
            begun = m.where(self.steps == t + 1, m.where(end, emit, _NEVER), moved)
            return m.where(self.steps > t, begun, _NEVER)

        return self._over_time(step, True)


@op(None, node="CtcLossBackward0")
def ctc(
    m, log_probs, targets, steps, labels, *, blank: int = 0, zero_infinity: bool = False,
):  # fmt: skip
    """(n,): the loss of each row of log_probs (time, n, classes) against targets (n, longest).

    steps, labels: how many times, and targets, of each row count.

    Differs: nothing; as in PyTorch the gradient is right only behind a log_softmax, whose own
    gradient cancels the softmax that it contains.
    """
    lattice = _Lattice(m, log_probs, targets, steps, labels, blank)
    if not lattice.time:
        return m.full(steps.shape, 0, log_probs.dtype)
    loss = lattice.losses(m.index(lattice.alphas(), -1))
    return m.where(loss == -_NEVER, 0, loss) if zero_infinity else loss


@ctc.vjp("log_probs")
def _(m, g, log_probs, targets, steps, labels, blank, zero_infinity):
    lattice = _Lattice(m, log_probs, targets, steps, labels, blank)
    alphas, betas = lattice.alphas(), lattice.betas()
    loss = m.reshape(lattice.losses(m.index(alphas, -1)), (-1, 1))
    possible = loss != -_NEVER
    loss = m.where(possible, loss, 0)
    # NaN is PyTorch's answer too
    g = m.where(possible, m.reshape(g, (-1, 1)), 0 if zero_infinity else float("nan"))
    share = m.exp(alphas + betas - lattice.emit + loss)
    laid = m.broadcast_to(lattice.laid, share.shape)
    used = m.scatter(m.full(log_probs.shape, 0, log_probs.dtype), laid, share, 2, "add")
    times = m.reshape(m.arange(0, lattice.time, 1, m.int64), (-1, 1, 1))
    return m.where(lattice.steps > times, (m.exp(log_probs) - used) * g, 0)
