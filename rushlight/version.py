"""Which PyTorch Rushlight behaves like, and its own version."""

from typing import Any

rushlight = "0.1.0"  # kept equal to pyproject.toml by a test
matches = "2.13.0"  # the PyTorch release whose behaviour is the measure


class Version(str):
    """A version that compares by its numbers, with strings and with tuples: `v >= "2.9"`."""

    __slots__ = ()

    def __lt__(self, other: Any) -> bool:
        return _numbers(self) < _numbers(other)

    def __le__(self, other: Any) -> bool:
        return _numbers(self) <= _numbers(other)

    def __gt__(self, other: Any) -> bool:
        return _numbers(self) > _numbers(other)

    def __ge__(self, other: Any) -> bool:
        return _numbers(self) >= _numbers(other)

    def __eq__(self, other: Any) -> bool:
        if isinstance(other, str):
            same = "+" not in other and _numbers(self) == _numbers(other)
            return same or str.__eq__(self, other)
        return isinstance(other, tuple | list) and _numbers(self) == _numbers(other)

    def __ne__(self, other: Any) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _numbers(version: Any) -> tuple[int, ...]:
    """`"2.13.0+x"` as (2, 13): without the local part, and without zeros at the end."""
    parts = version.partition("+")[0].split(".") if isinstance(version, str) else version
    numbers = []
    for part in parts:
        digits = ""
        for letter in str(part):
            if not letter.isdigit():
                break
            digits += letter
        if not digits:
            break
        numbers.append(int(digits))
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


__version__ = Version(f"{matches}+rushlight.{rushlight}")
debug = False
cuda: str | None = None
git_version = "unknown"
hip: str | None = None
rocm: str | None = None
xpu: str | None = None
