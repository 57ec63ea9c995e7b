"""Multi-head attention as a function, and the masks it takes."""

import math
import warnings
from typing import Any

from ..._core import modes
from ..._core.dtypes import bool_, dtype
from ..._creation import zeros, zeros_like
from ..._ops.dropout import dropout
from ..._ops.joining import cat
from ..._ops.matmul import linear
from ..._ops.softmaxes import softmax
from ..._tensor import Tensor
from .attending import scaled_dot_product_attention
from .padding import pad


def _canonical_mask(
    mask: Tensor | None, mask_name: str, other_type: dtype | None, other_name: str,
    target_type: dtype, check_other: bool = True,
) -> Tensor | None:  # fmt: skip
    """A mask as numbers to add to the scores: a boolean one becomes 0 and minus infinity."""
    if mask is None:
        return None
    if mask.dtype is not bool_ and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype is not other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. "
            "Use same type for both instead.",
            stacklevel=3,
        )
    if mask.is_floating_point():
        return mask
    return zeros_like(mask, dtype=target_type).masked_fill_(mask, float("-inf"))


def _none_or_dtype(input: Tensor | None) -> dtype | None:
    if input is None:
        return None
    if isinstance(input, Tensor):
        return input.dtype
    raise RuntimeError("input to _none_or_dtype() must be None or torch.Tensor")


def _canonical_masks(
    mask: Tensor | None, name: str, padding: Tensor | None, padding_name: str, target_type: dtype
) -> tuple[Tensor | None, Tensor | None]:
    """An attention mask and a padding mask as numbers to add, checked against each other."""
    padding = _canonical_mask(padding, padding_name, _none_or_dtype(mask), name, target_type)
    return _canonical_mask(mask, name, None, "", target_type, False), padding


def _mha_shape_check(
    query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None,
    attn_mask: Tensor | None, num_heads: int,
) -> bool:  # fmt: skip
    """Whether the input is batched, its shapes checked."""
    if query.dim() not in (2, 3):
        raise AssertionError(
            "query should be unbatched 2D or batched 3D tensor but received "
            f"{query.dim()}-D query tensor"
        )
    dims = query.dim()
    which = f"{'batched' if dims == 3 else 'unbatched'} ({dims}-D)"
    if key.dim() != dims or value.dim() != dims:
        raise AssertionError(
            f"For {which} `query`, expected `key` and `value` to be {dims}-D but found "
            f"{key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    masks = (
        ("key_padding_mask", key_padding_mask, (dims - 1,), f"`None` or {dims - 1}-D"),
        ("attn_mask", attn_mask, (2, 3), "`None`, 2-D or 3-D"),
    )
    for name, mask, allowed, text in masks:
        if mask is not None and mask.dim() not in allowed:
            raise AssertionError(
                f"For {which} `query`, expected `{name}` to be {text} but found "
                f"{mask.dim()}-D tensor instead"
            )
    if dims == 2 and attn_mask is not None and attn_mask.dim() == 3:
        expected = (num_heads, query.shape[0], key.shape[0])
        if attn_mask.shape != expected:
            raise AssertionError(
                f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}"
            )
    return dims == 3


def _check_weights(streams: tuple, weights: tuple) -> None:
    size = streams[0].shape[-1]
    for name, x, w in zip(("query", "key", "value"), streams, weights):
        if w is None:
            raise AssertionError(
                f"use_separate_proj_weight is True but {name[0]}_proj_weight is None"
            )
        expected = (size, x.shape[-1])
        if w.shape != expected:
            raise AssertionError(f"expecting {name} weights shape of {expected}, but got {w.shape}")


def _projected(
    streams: tuple, weight: Tensor | None, own: Any, bias: Tensor | None
) -> list[Tensor]:
    """Query, key and value through their thirds of the joint weight, or each through its own."""
    query, key, value = streams
    if own is not None:
        _check_weights(streams, own)
    elif weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    elif query is key is value:  # one product
        return list(linear(query, weight, bias).chunk(3, dim=-1))
    else:
        own = weight.chunk(3)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return [linear(x, w, b) for x, w, b in zip(streams, own, biases)]


def _checked_mask(mask: Tensor | None, heads: int, target: int, source: int) -> Tensor | None:
    """The attention mask with three axes: (1 or batch * heads, target, source)."""
    if mask is None:
        return None
    dims = mask.dim()  # _mha_shape_check saw that they are 2 or 3
    wanted = (heads, target, source)[3 - dims :]
    if mask.shape != wanted:
        raise RuntimeError(
            f"The shape of the {dims}D attn_mask is {mask.shape}, but should be {wanted}."
        )
    return mask.unsqueeze(0) if dims == 2 else mask


def _by_heads(x: Tensor, static: Tensor | None, name: str, heads: int, size: int) -> Tensor:
    """(length, batch, features) as (batch * heads, length, size), or the static one, checked."""
    if static is None:
        return x.reshape(x.shape[0], heads, size).transpose(0, 1)
    for axis, expected in ((0, heads), (2, size)):
        if static.shape[axis] != expected:
            raise AssertionError(
                f"expecting {name}.size({axis}) of {expected}, but got {static.shape[axis]}"
            )
    return static


def _merged(attn_mask: Tensor | None, padding: Tensor | None, heads: int, source: int) -> Any:
    """Both masks as one to add to scores (batch * heads, target, source)."""
    if padding is None:
        return attn_mask
    batch = padding.shape[0]
    if padding.shape[1] != source:
        raise AssertionError(
            f"Expected key_padded_mask.shape[1] to be {source}, but got {padding.shape[1]}"
        )
    spread = padding.reshape(batch, 1, 1, source).expand(-1, heads, -1, -1)
    spread = spread.reshape(batch * heads, 1, source)
    return spread if attn_mask is None else attn_mask + spread


def multi_head_attention_forward(
    query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int,
    in_proj_weight: Tensor | None, in_proj_bias: Tensor | None, bias_k: Tensor | None,
    bias_v: Tensor | None, add_zero_attn: bool, dropout_p: float, out_proj_weight: Tensor,
    out_proj_bias: Tensor | None, training: bool = True, key_padding_mask: Tensor | None = None,
    need_weights: bool = True, attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None, v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None, static_v: Tensor | None = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Attention of `query` (length, batch, features) to `key` and `value`, and its weights."""
    batched = _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    _check_sizes(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    target, batch, size = query.shape
    heads, width = batch * num_heads, size // num_heads
    padding = _canonical_mask(
        key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", query.dtype
    )
    attn_mask, is_causal = _causal(attn_mask, padding, is_causal, need_weights, query)
    own = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected((query, key, value), in_proj_weight, own, in_proj_bias)
    masks = (_checked_mask(attn_mask, heads, target, key.shape[0]), padding)
    if bias_k is not None and bias_v is not None:
        more = (bias_k.repeat(1, batch, 1), bias_v.repeat(1, batch, 1))
        k, v, masks = _one_more(k, v, more, masks, 0)
    q = _by_heads(q, None, "q", heads, width)
    k = _by_heads(k, static_k, "static_k", heads, width)
    v = _by_heads(v, static_v, "static_v", heads, width)
    if add_zero_attn:
        blank = zeros((heads, 1, width), dtype=k.dtype, device=k.device)
        k, v, masks = _one_more(k, v, (blank, blank), masks, 1)
    mask = _merged(masks[0], masks[1], num_heads, k.shape[1])
    attend = _with_weights if need_weights else _without_weights
    mixed, weights = attend(q, k, v, mask, dropout_p if training else 0.0, num_heads, is_causal)
    output = linear(mixed.reshape(target * batch, size), out_proj_weight, out_proj_bias)
    return _finished(output.reshape(target, batch, -1), weights, batched, average_attn_weights)


def _one_more(k: Tensor, v: Tensor, more: tuple, masks: tuple, dim: int) -> tuple:
    """One key and value more along the length, which everybody may see."""
    masks = tuple(None if mask is None else pad(mask, (0, 1)) for mask in masks)
    return cat([k, more[0]], dim), cat([v, more[1]], dim), masks


def _finished(
    output: Tensor, weights: Tensor | None, batched: bool, average: bool
) -> tuple[Tensor, Tensor | None]:
    if weights is not None and average:
        weights = weights.mean(dim=1)
    if batched:
        return output, weights
    return output.squeeze(1), None if weights is None else weights.squeeze(0)


def _causal(
    mask: Tensor | None, padding: Tensor | None, is_causal: bool, need_weights: bool, query: Tensor
) -> tuple[Tensor | None, bool]:
    """The mask, or None where the hint that it is causal says it all."""
    if is_causal and mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and padding is None and not need_weights:
        return None, True
    return _canonical_mask(mask, "attn_mask", None, "", query.dtype, False), False


def _check_sizes(
    query: Tensor, key: Tensor, value: Tensor, expected: int, num_heads: int, separate: bool
) -> None:
    size = query.shape[2]
    if size != expected:
        raise AssertionError(f"was expecting embedding dimension of {expected}, but got {size}")
    if size % num_heads:
        raise AssertionError(f"embed_dim {size} not divisible by num_heads {num_heads}")
    if separate and key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
        )
    if not separate and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def _with_weights(
    q: Tensor, k: Tensor, v: Tensor, mask: Any, p: float, num_heads: int, is_causal: bool
) -> tuple[Tensor, Tensor]:
    """Mixed values (target, batch * heads, size) and the weights they were mixed with."""
    scaled = q * math.sqrt(1.0 / float(q.shape[-1]))
    scores = scaled @ k.transpose(-2, -1)
    if mask is not None:
        if modes.local.autocast:
            mask = mask.to(scores.dtype)
        scores = mask + scores
    weights = softmax(scores, dim=-1)
    if p > 0.0:
        weights = dropout(weights, p=p)
    mixed = (weights @ v).transpose(0, 1)
    return mixed, weights.reshape(-1, num_heads, *weights.shape[1:])


def _without_weights(
    q: Tensor, k: Tensor, v: Tensor, mask: Any, p: float, num_heads: int, is_causal: bool
) -> tuple[Tensor, None]:
    """Mixed values (target, batch, heads, size)."""
    q, k, v = (x.reshape(-1, num_heads, *x.shape[1:]) for x in (q, k, v))
    if mask is not None:
        one = mask.shape[0] == 1
        mask = mask.unsqueeze(0) if one else mask.reshape(-1, num_heads, *mask.shape[1:])
    mixed = scaled_dot_product_attention(q, k, v, mask, p, is_causal)
    return mixed.permute(2, 0, 1, 3), None
