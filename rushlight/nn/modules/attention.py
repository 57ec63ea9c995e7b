"""Multi-head attention as a layer."""

from typing import Any

from ..._tensor import Tensor
from ..functional.multihead import _canonical_masks, multi_head_attention_forward
from ..init import constant_, xavier_normal_, xavier_uniform_
from ..parameter import add_parameters
from .linear import NonDynamicallyQuantizableLinear
from .module import Module


class MultiheadAttention(Module):
    """Attention in several subspaces at once (Vaswani and others, 2017).

    Args:
        embed_dim: size of the features of query and result, divided among the heads.
        num_heads: how many heads.
        dropout: probability of dropping an attention weight in training.
        bias: whether the projections have biases.
        add_bias_kv: whether a learned key and value is added to each sequence.
        add_zero_attn: whether a zero key and value is added.
        kdim, vdim: sizes of the features of key and value, where they differ.
        batch_first: (batch, length, features) instead of (length, batch, features).
    """

    __constants__ = ["batch_first"]

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True,
        add_bias_kv: bool = False, add_zero_attn: bool = False, kdim: int | None = None,
        vdim: int | None = None, batch_first: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0, "
                f"got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        place = {"device": device, "dtype": dtype}
        self._make_projections(bias, add_bias_kv, place)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _make_projections(self, bias: bool, add_bias_kv: bool, place: dict) -> None:
        size, same = self.embed_dim, self._qkv_same_embed_dim
        shapes = {
            "q_proj_weight": None if same else (size, size),
            "k_proj_weight": None if same else (size, self.kdim),
            "v_proj_weight": None if same else (size, self.vdim),
            "in_proj_weight": (3 * size, size) if same else None,
            "in_proj_bias": (3 * size,) if bias else None,
        }
        if same:  # PyTorch registers the joint weight first
            shapes = {"in_proj_weight": shapes.pop("in_proj_weight"), **shapes}
        add_parameters(self, place, **shapes)
        self.out_proj = NonDynamicallyQuantizableLinear(size, size, bias=bias, **place)
        if add_bias_kv:
            add_parameters(self, place, bias_k=(1, 1, size), bias_v=(1, 1, size))
        else:
            self.bias_k = self.bias_v = None

    def _reset_parameters(self) -> None:
        for name, weight in self._parameters.items():
            if name.endswith("_weight") and weight is not None:
                xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            constant_(self.in_proj_bias, 0.0)
            constant_(self.out_proj.bias, 0.0)
        for vector in (self.bias_k, self.bias_v):
            if vector is not None:
                xavier_normal_(vector)

    def __setstate__(self, state: dict) -> None:
        super().__setstate__({"_qkv_same_embed_dim": True, **state})

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None,
        need_weights: bool = True, attn_mask: Tensor | None = None,
        average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        attn_mask, key_padding_mask = _canonical_masks(
            attn_mask, "attn_mask", key_padding_mask, "key_padding_mask", query.dtype
        )
        turned = self.batch_first and query.dim() == 3
        if turned:
            query, key, value = _length_first(query, key, value)
        joint = (self.in_proj_weight, self.in_proj_bias, self.bias_k, self.bias_v)
        parts = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        output, weights = multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, *joint, self.add_zero_attn,
            self.dropout, self.out_proj.weight, self.out_proj.bias, self.training,
            key_padding_mask, need_weights, attn_mask, not self._qkv_same_embed_dim, *parts,
            average_attn_weights=average_attn_weights, is_causal=is_causal,
        )  # fmt: skip
        return (output.transpose(1, 0) if turned else output), weights


def _length_first(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Batch and length exchanged; what was one tensor stays one, so that it is projected once."""
    turned = {id(t): t.transpose(1, 0) for t in (query, key, value)}
    return turned[id(query)], turned[id(key)], turned[id(value)]


MultiheadAttention.__module__ = f"{__package__}.activation"  # its path in PyTorch, for pickles
