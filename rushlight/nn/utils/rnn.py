"""Sequences of different lengths, padded to one or packed without padding."""

from collections import namedtuple
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from ..._core.dtypes import int64
from ..._core.kinds import foretold, holds, without_value
from ..._core.naming import named
from ..._creation import arange, as_tensor, empty_like, tensor
from ..._ops.joining import cat
from ..._tensor import Tensor

_Fields = namedtuple(
    "PackedSequence", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"]
)


def _converted(name: str, dtype: str):

    def convert(self) -> "PackedSequence":
        return self._replace(data=getattr(self.data, name)())

    return named(convert, name, f"The data as {dtype}.")


class PackedSequence(_Fields):
    """Sequences without padding, all first steps, then all second ones; made by the functions here.

    data: (all steps, features...); batch_sizes: how many sequences run at each step;
    sorted_indices, unsorted_indices: to the order by length and back, or None.
    """

    def __new__(
        cls, data: Any, batch_sizes: Tensor | None = None, sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> "PackedSequence":  # fmt: skip
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be "
                "created manually. They should be instantiated by functions like pack_sequence and "
                "pack_padded_sequences in nn.utils.rnn. "
                "https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> "PackedSequence":
        """The data in another dtype or on another device."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        indices = [
            None if i is None else i.to(data.device)
            for i in (self.sorted_indices, self.unsorted_indices)
        ]
        return type(self)(data, self.batch_sizes, *indices)

    def cuda(self, *args: Any, **kwargs: Any) -> "PackedSequence":
        """The data on a GPU."""
        return self.to(self.data.cuda(*args, **kwargs).device)

    def cpu(self, *args: Any, **kwargs: Any) -> "PackedSequence":
        """The data in host memory."""
        return self.to("cpu")

    double, float = _converted("double", "float64"), _converted("float", "float32")
    half, long = _converted("half", "float16"), _converted("long", "int64")
    int, short = _converted("int", "int32"), _converted("short", "int16")
    char, byte = _converted("char", "int8"), _converted("byte", "uint8")

    def pin_memory(self) -> "PackedSequence":
        """Itself: there is no other memory to pin it in."""
        return self

    def is_pinned(self) -> bool:
        """Whether the data is in pinned memory."""
        return self.data.is_pinned()

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return self.data.is_cuda


class Ragged(PackedSequence):
    """Packed sequences whose lengths a trace does not know: padded ones, and the lengths."""

    def __new__(cls, padded: Tensor, lengths: Tensor) -> "Ragged":
        return tuple.__new__(cls, (padded, lengths))

    whole = property(lambda self: tuple(tuple.__iter__(self)))

    def _unknown(self, *_: Any) -> Any:
        raise RuntimeError(without_value(None, "packed data, as long as the lengths' sum,"))

    data = batch_sizes = sorted_indices = unsorted_indices = property(_unknown)
    __iter__ = __getitem__ = _unknown


def _over(x: Tensor, lengths: Tensor) -> Tensor:
    """Where sequences (time, batch, ...) are over."""
    over = arange(len(x)).reshape(-1, 1) >= lengths
    return over.reshape(*over.shape, *[1] * (x.dim() - 2))


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another."""
    if permutation is None:
        return None
    places = arange(0, permutation.numel(), device=permutation.device)
    return empty_like(permutation).scatter_(0, permutation, places)


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Padded sequences (time, batch, ...) without their padding.

    Args:
        lengths: of each sequence.
        enforce_sorted: whether they come longest first already, as PyTorch expects by default.
    """
    lengths = as_tensor(lengths, dtype=int64)
    if not foretold(lengths):
        input = input.transpose(0, 1) if batch_first else input
        _check_lengths(lengths, input)
        holds((lengths > 0) & (lengths <= len(input)))
        if enforce_sorted:
            holds(lengths[1:] <= lengths[:-1])
        return Ragged(input.masked_fill(_over(input, lengths), 0), lengths.clone())
    order = None
    if not enforce_sorted:
        lengths, order = lengths.sort(descending=True)
        order = order.to(input.device)
        input = input.index_select(0 if batch_first else 1, order)
    if batch_first:
        input = input.transpose(0, 1)
    sizes = _batch_sizes(lengths, input)
    data = cat([input[t, :size] for t, size in enumerate(sizes)])
    return PackedSequence(data, tensor(sizes, dtype=int64), order, None)


def _check_lengths(lengths: Tensor, input: Tensor) -> None:
    if lengths.device.type != "cpu" or lengths.dim() != 1:
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{lengths.dim()}D {lengths.device.type} Long tensor"
        )
    if input.numel() == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    if len(lengths) != input.shape[1]:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} "
            f"(batch_size={input.shape[1]})"
        )


def _batch_sizes(lengths: Tensor, input: Tensor) -> list[int]:
    """How many sequences run at each step, the lengths checked."""
    _check_lengths(lengths, input)
    given = lengths.tolist()
    if given[-1] <= 0 or min(given) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if any(a < b for a, b in pairwise(given)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    return [sum(length > t for length in given) for t in range(given[0])]


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Packed sequences padded again (time, batch, ...), and their lengths."""
    if isinstance(sequence, Ragged):
        padded, lengths = sequence.whole
        holds(lengths.max() == len(padded) if total_length is None else lengths <= total_length)
        padded = padded.masked_fill(_over(padded, lengths), padding_value)[:total_length]
        if (more := (total_length or 0) - len(padded)) > 0:
            padded = cat([padded, padded.new_full((more, *padded.shape[1:]), padding_value)])
        return (padded.transpose(0, 1) if batch_first else padded), lengths.clone()
    sizes = sequence.batch_sizes.tolist()
    steps = len(sizes)
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, "
                f"but got total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    data, batch = sequence.data, sizes[0]
    rows = []
    for row, size in zip(data.split(sizes), sizes):
        missing = (batch - size, *data.shape[1:])
        rows += [row, data.new_full(missing, padding_value)] if size < batch else [row]
    after = ((steps - len(sizes)) * batch, *data.shape[1:])
    padded = cat([*rows, data.new_full(after, padding_value)]) if after[0] else cat(rows)
    padded = padded.reshape(steps, batch, *data.shape[1:])
    lengths = tensor([sum(size > i for size in sizes) for i in range(batch)], dtype=int64)
    if batch_first:
        padded = padded.transpose(0, 1)
    back = sequence.unsorted_indices
    if back is None:
        return padded, lengths
    return padded.index_select(0 if batch_first else 1, back), lengths[back.cpu()]


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (length, ...) of any lengths as one tensor (longest, batch, ...)."""
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    longest = max(s.shape[0] for s in sequences)
    padded = [_padded(s, longest, padding_value, padding_side == "left") for s in sequences]
    shape = (len(sequences), longest, *sequences[0].shape[1:])
    made = cat(padded).reshape(shape)
    return made if batch_first else made.transpose(0, 1)


def _padded(sequence: Tensor, length: int, value: float, left: bool) -> Tensor:
    missing = length - sequence.shape[0]
    if not missing:
        return sequence
    padding = sequence.new_full((missing, *sequence.shape[1:]), value)
    return cat([padding, sequence] if left else [sequence, padding])


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded tensor, each in its own length."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [sequence[:length] for sequence, length in zip(padded_sequences, lengths.tolist())]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (length, ...) packed, longest first unless not `enforce_sorted`."""
    lengths = [sequence.shape[0] for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
