"""SummaryWriter: numbers, histograms, texts and images on their way to TensorBoard."""

import os
import platform
import struct
import time
import zlib
from typing import Any

import numpy as np

from ..._core.tape import TensorBase
from . import messages
from .event_file import EventFile


def as_array(x: Any) -> np.ndarray:
    """The values of a tensor, array or number."""
    return x.detach().numpy(force=True) if isinstance(x, TensorBase) else np.asarray(x)


def _number(x: Any) -> float:
    values = as_array(x).squeeze()
    if values.ndim:
        raise AssertionError(f"scalar should be 0D; it has shape {list(values.shape)}")
    return float(values)


def _default_limits() -> np.ndarray:
    """Limits that grow by a tenth from 1e-12 to 1e20, on both sides of 0, as TensorFlow's do."""
    steps = [1e-12]
    while steps[-1] * 1.1 < 1e20:
        steps.append(steps[-1] * 1.1)
    return np.array([*(-v for v in reversed(steps)), 0.0, *steps])


def histogram(tag: str, values: Any, bins: Any, max_bins: int | None) -> bytes:
    """The message of a histogram of values."""
    flat = as_array(values).astype(np.float64).reshape(-1)
    if not flat.size:
        raise ValueError("The input has no element.")
    limits: Any = _default_limits() if bins == "tensorflow" else bins
    counts, edges = np.histogram(flat, limits)
    if max_bins is not None and len(counts) > max_bins:
        group = len(counts) // max_bins
        counts = np.add.reduceat(counts, np.arange(0, len(counts), group))
        edges = np.append(edges[:-1:group], edges[-1])
    filled = np.flatnonzero(counts)
    if not filled.size:
        raise ValueError("The histogram is empty, please file a bug report.")
    first, last = filled[0], filled[-1] + 1  # an empty bucket in front shows where the values begin
    shown = [0, *counts[first:last]] if first == 0 else counts[first - 1 : last]
    facts = [flat.min(), flat.max(), len(flat), flat.sum(), flat @ flat]
    return messages.histogram(tag, facts, edges[first : last + 1], shown)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of (height, width, channels) bytes. Source: RFC 2083."""
    height, width, channels = pixels.shape
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], 1)
    head = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


class SummaryWriter:
    """Writes event files that TensorBoard shows (`tensorboard --logdir runs`).

    Args:
        log_dir: the folder; by default `runs/` and the time, the machine and `comment`.
        purge_step: steps from here on that an earlier, crashed run left are hidden.
        max_queue: how many events wait in memory at most.
        flush_secs: how long they wait at most, in seconds.
        filename_suffix: the end of the file names.

    Example:
        >>> with SummaryWriter("/tmp/runs/first") as writer:
        ...     writer.add_scalar("loss", 0.5, global_step=1)
    """

    def __init__(
        self, log_dir: Any = None, comment: str = "", purge_step: int | None = None,
        max_queue: int = 10, flush_secs: float = 120, filename_suffix: str = "",
    ) -> None:  # fmt: skip
        if not log_dir:
            stamp = time.strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{stamp}_{platform.node() or 'localhost'}{comment}")
        self.log_dir = os.fspath(log_dir)
        self._options = (max_queue, flush_secs, filename_suffix)
        self._files: dict[str, EventFile] = {}
        if purge_step is not None:
            self._to().purge(purge_step)
        self._to()

    def _to(self, folder: str | None = None) -> EventFile:
        folder = folder or self.log_dir
        if folder not in self._files:
            self._files[folder] = EventFile(folder, *self._options)
        return self._files[folder]

    def get_logdir(self) -> str:
        """The folder that is written to."""
        return self.log_dir

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: int | None = None,
        walltime: float | None = None, new_style: bool = False, double_precision: bool = False,
    ) -> None:  # fmt: skip
        """One number, for a curve."""
        number = _number(scalar_value)
        made = messages.scalar(tag, number)
        if new_style:
            made = messages.scalar_tensor(tag, number, double_precision)
        self._to().add(made, global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:  # fmt: skip
        """Several numbers, for curves in one picture; each has a folder of its own."""
        stem = os.path.join(self.log_dir, main_tag.replace("/", "_"))
        for name, number in tag_scalar_dict.items():
            made = messages.scalar(main_tag, _number(number))
            self._to(f"{stem}_{name}").add(made, global_step, walltime)

    def add_histogram(
        self, tag: str, values: Any, global_step: int | None = None, bins: Any = "tensorflow",
        walltime: float | None = None, max_bins: int | None = None,
    ) -> None:  # fmt: skip
        """How values are distributed."""
        self._to().add(histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_text(
        self, tag: str, text_string: str, global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:  # fmt: skip
        """A text, in Markdown."""
        self._to().add(messages.text(tag, text_string), global_step, walltime)

    def add_image(
        self, tag: str, img_tensor: Any, global_step: int | None = None,
        walltime: float | None = None, dataformats: str = "CHW",
    ) -> None:  # fmt: skip
        """An image of bytes, or of numbers from 0 to 1.

        Args:
            dataformats: the order of height, width and channels: "CHW", "HWC" or "HW".
        """
        values, order = as_array(img_tensor), dataformats.upper()
        if sorted(order) not in (sorted("CHW"), sorted("HW")) or len(order) != values.ndim:
            raise AssertionError(
                "size of input tensor and input format are different. tensor shape: "
                f"{values.shape}, input_format: {dataformats}"
            )
        pixels = values.transpose([order.index(c) for c in "HWC" if c in order])
        pixels = pixels.reshape(*pixels.shape[:2], -1)  # (height, width, channels)
        if pixels.dtype != np.uint8:
            pixels = (pixels.astype(np.float32) * 255).clip(0, 255).astype(np.uint8)
        made = messages.image(tag, pixels.shape, png(np.ascontiguousarray(pixels)))
        self._to().add(made, global_step, walltime)

    def flush(self) -> None:
        """Hands all events to the system."""
        for file in self._files.values():
            file.flush()

    def close(self) -> None:
        """Closes all files; a later event opens new ones."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def __enter__(self) -> "SummaryWriter":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
