"""A progress bar for work that takes longer than two seconds, if tqdm is installed."""

import time
from typing import Any


class Progress:
    """Counts bytes, `total` in all; call it with how many more are done."""

    PATIENCE = 2.0

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self.since, self.bar = time.monotonic(), None

    def __call__(self, count: int) -> None:
        self.done += count
        if self.bar is None and self.since and time.monotonic() - self.since > self.PATIENCE:
            self.since = 0.0
            self.bar = bar(desc=self.what, total=self.total, initial=self.done, leave=False)
        elif self.bar is not None:
            self.bar.update(count)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: Any) -> None:
        if self.bar is not None:
            self.bar.close()


def bar(**options: Any) -> Any:
    """A bar that counts bytes, where the user has tqdm."""
    try:
        from tqdm import tqdm  # optional
    except ImportError:
        return None
    return tqdm(unit="B", unit_scale=True, **options)
