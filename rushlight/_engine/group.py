"""A kernel in the making: steps over one shape."""

from dataclasses import dataclass, field

from .graph import Step, Value
from .loops import Loop


@dataclass(slots=True, eq=False)
class Group:
    """Steps that run together: NumPy, or a nest over `shape`, its last `reduced` axes summed."""

    at: int
    native: bool
    shape: tuple = ()
    loop: Loop | None = None
    reduced: int = 0
    way: int | None = None  # the axis that is walked along where those are no single row
    steps: list[Step] = field(default_factory=list)
    made: dict[int, Value] = field(default_factory=dict)
    product: Step | None = None  # the matrix product that it begins with
    full: set[int] = field(default_factory=set)  # made, an element for each place of the shape
    down: set[int] = field(default_factory=set)  # made, an element for each place of a row
    refusal: Value | None = None  # the program ends after this group where it is 0
    where: str = ""  # the user's line of that check

    @property
    def span(self) -> tuple[int, int]:
        """The first and last group of what is done over and over with it."""
        return (self.at, self.at) if self.loop is None else (self.loop.first, self.loop.last)

    @property
    def lead(self) -> tuple:
        """The axes that are kept."""
        return self.shape[: len(self.shape) - self.reduced]

    @property
    def row(self) -> int:
        """How many of the last axes are one row."""
        return self.reduced if self.way is None else 0

    def add(self, step: Step, full: bool) -> None:
        """A step more; whether its result has the whole shape."""
        self.steps.append(step)
        made = {v.id: v for v in step.results}
        self.made |= made
        if full:
            self.full.update(made)
