"""Embeddings: rows of a table by number."""

from typing import Any

from ..._core.modes import no_grad
from ..._creation import empty
from ..._tensor import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Functional
from .utils import unusual

_USUAL = {"max_norm": None, "norm_type": 2, "scale_grad_by_freq": False}


class _Table(Functional):
    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None

    def _set_padding(self, padding_idx: int | None, name: str) -> None:
        rows = self.num_embeddings
        if padding_idx is not None:
            if not -rows <= padding_idx < max(rows, 1):
                raise AssertionError(f"{name} must be within num_embeddings")
            padding_idx += rows if padding_idx < 0 else 0
        self.padding_idx = padding_idx

    def _set_weight(self, given: Tensor | None, requires_grad: bool, place: dict) -> None:
        shape = (self.num_embeddings, self.embedding_dim)
        if given is None:
            self.weight = Parameter(empty(shape, **place), requires_grad=requires_grad)
            self.reset_parameters()
            return
        if given.shape != shape:
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
        self.weight = Parameter(given, requires_grad=requires_grad)

    def reset_parameters(self) -> None:
        """Draw the table anew, normal; the padding row is 0."""
        init.normal_(self.weight)
        self._fill_padding_idx_with_zero()

    def _fill_padding_idx_with_zero(self) -> None:
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)


def _sizes(embeddings: Tensor) -> tuple[int, int]:
    if embeddings.dim() != 2:
        raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
    return embeddings.shape[0], embeddings.shape[1]


class Embedding(_Table):
    """Rows of a learned table by number.

    Args:
        num_embeddings, embedding_dim: rows and columns of the table.
        padding_idx: a row that starts at 0 and is not learned.
        max_norm, norm_type: rows that are longer are shortened when they are looked up.
        scale_grad_by_freq: whether gradients are divided by how often a row occurs.
        sparse: accepted; gradients are dense.
    """

    __constants__ = (
        "num_embeddings embedding_dim padding_idx max_norm norm_type scale_grad_by_freq sparse"
    ).split()
    _function = F.embedding
    _options = "weight padding_idx max_norm norm_type scale_grad_by_freq sparse"

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None,
        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
        sparse: bool = False, _weight: Tensor | None = None, _freeze: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self._set_padding(padding_idx, "Padding_idx")
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self._set_weight(_weight, not _freeze, {"device": device, "dtype": dtype})
        self.sparse = sparse

    def extra_repr(self) -> str:
        usual = {"padding_idx": None, **_USUAL, "sparse": False}
        return f"{self.num_embeddings}, {self.embedding_dim}{unusual(self, **usual)}"

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None,
        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> "Embedding":  # fmt: skip
        """An embedding on a given table, learned further unless `freeze`."""
        options = (padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
        return cls(*_sizes(embeddings), *options, embeddings, freeze)


class EmbeddingBag(_Table):
    """Sums, means or maxima of rows of a learned table, without the single rows.

    Args as of `Embedding`, and `mode`: "sum", "mean" or "max".
    """

    __constants__ = (
        "num_embeddings embedding_dim max_norm norm_type scale_grad_by_freq mode sparse "
        "include_last_offset padding_idx"
    ).split()

    def __init__(
        self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean",
        sparse: bool = False, _weight: Tensor | None = None, include_last_offset: bool = False,
        padding_idx: int | None = None, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self._set_padding(padding_idx, "padding_idx")
        self._set_weight(_weight, True, {"device": device, "dtype": dtype})
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        limits = (self.max_norm, self.norm_type, self.scale_grad_by_freq)
        bags = (self.mode, self.sparse, per_sample_weights, self.include_last_offset)
        return F.embedding_bag(input, self.weight, offsets, *limits, *bags, self.padding_idx)

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}{unusual(self, **_USUAL)}"
        return f"{text}, mode={self.mode!r}{unusual(self, padding_idx=None)}"

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean",
        sparse: bool = False, include_last_offset: bool = False, padding_idx: int | None = None,
    ) -> "EmbeddingBag":  # fmt: skip
        """A bag on a given table, learned further unless `freeze`."""
        options = (max_norm, norm_type, scale_grad_by_freq, mode, sparse)
        rest = (embeddings, include_last_offset, padding_idx)
        made = cls(*_sizes(embeddings), *options, *rest)
        made.weight.requires_grad = not freeze
        return made
