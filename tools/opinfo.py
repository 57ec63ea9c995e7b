"""Runs PyTorch's own samples (its OpInfo database) through Rushlight, and names what differs.

    python tools/opinfo.py [--only WORD] [--samples N] [--dtype float32]

For each operation that both have: value, dtype and shape of every result, and the gradients of
every input, against PyTorch's on the same sample. Needs torch (a developer's tool, not a test).
"""

import argparse
import math
import traceback
import warnings
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

import rushlight as rl

# samples that call through a wrapper with arguments in another order, or are defined up to a phase
WRAPPED = {
    "where", "einsum", "nn.functional.embedding", "nn.functional.embedding_bag", "T", "H", "mT",
    "mH", "bfloat16", "bool", "double", "float", "half", "int", "long", "short", "byte", "char",
    "cdouble", "cfloat", "nn.functional.triplet_margin_with_distance_loss", "linalg.eig",
    "linalg.eigh", "zero_", "linalg.pinv.singular", "as_strided", "sgn",
    # returns some results only; called through functions of other names or orders
    "linalg.lstsq.grad_oriented", "normal.in_place", "normal.number_mean", "rand_like",
    "svd_lowrank", "pca_lowrank",
}  # fmt: skip
# sums of a few dozen elements that are rounded at each step, by PyTorch or by us
TOLERANCE = {torch.float32: 1e-3, torch.complex64: 1e-3, torch.float16: 1e-2, torch.bfloat16: 8e-2}
TIES = {"kthvalue", "topk", "mode", "sort", "argsort"}  # PyTorch's order of equals is arbitrary
SKIP = (
    "sparse",
    "nested",
    "jiterator",
    "fake_quant",
    "_native",
    "ops.aten",
    "_refs",
    "empty",
    "new_empty",
)


def to_ours(value: Any) -> Any:
    """A sample's argument as Rushlight's."""
    if isinstance(value, torch.Tensor):
        plain = value.detach()
        if plain.is_conj() or plain.is_neg():
            plain = plain.resolve_conj().resolve_neg()
        made = (
            rl.tensor(plain.to(torch.float32).numpy()).to(rl.bfloat16)
            if plain.dtype is torch.bfloat16
            else rl.from_numpy(plain.numpy().copy())
        )
        strides = plain.stride()
        if plain.numel() > 1 and not plain.is_contiguous() and all(s > 0 for s in strides):
            order = sorted(range(plain.dim()), key=lambda i: -strides[i])
            inverse = tuple(sorted(range(plain.dim()), key=order.__getitem__))
            made = made.permute(order).contiguous().permute(inverse).detach()
        return made.requires_grad_() if value.requires_grad else made
    if isinstance(value, torch.dtype):
        return getattr(rl, str(value).split(".")[1])
    if isinstance(value, torch.device):
        return rl.device(str(value))
    if isinstance(value, torch.Size):
        return rl.Size(value)
    if isinstance(value, torch.memory_format):
        return getattr(rl, str(value).split(".")[1])
    if isinstance(value, (list, tuple)):
        return type(value)(to_ours(v) for v in value)
    if isinstance(value, dict):
        return {k: to_ours(v) for k, v in value.items()}
    return value


def find(name: str) -> Any:
    """Our function of an OpInfo's name."""
    place: Any = rl
    for part in name.split("."):
        place = getattr(place, part, None)
        if place is None:
            return getattr(rl.Tensor, name, None)
    return place


def leaves(tree: Any, kind: type) -> list:
    if isinstance(tree, kind):
        return [tree]
    if isinstance(tree, (list, tuple)):
        return [x for t in tree for x in leaves(t, kind)]
    if isinstance(tree, dict):
        return [x for t in tree.values() for x in leaves(t, kind)]
    return []


def values(t: Any) -> np.ndarray:
    t = t.detach()
    if isinstance(t, torch.Tensor):
        t = t.resolve_conj().resolve_neg()
        return t.float().numpy() if t.dtype is torch.bfloat16 else t.numpy()
    return t.float().numpy() if t.dtype is rl.bfloat16 else t.numpy()


def compare(ours: list, theirs: list, rtol: float, what: str) -> str | None:
    if len(ours) != len(theirs):
        return f"{what}: {len(ours)} tensors, PyTorch {len(theirs)}"
    for a, b in zip(ours, theirs):
        if tuple(a.shape) != tuple(b.shape):
            return f"{what}: shape {tuple(a.shape)}, PyTorch {tuple(b.shape)}"
        if str(a.dtype) != str(b.dtype):
            return f"{what}: dtype {a.dtype}, PyTorch {b.dtype}"
        x, y = values(a), values(b)
        scale = (
            max(1.0, float(np.abs(y[np.isfinite(y)]).max()))
            if y.size and np.isfinite(y).any() and y.dtype != bool
            else 1.0
        )
        if not np.allclose(x, y, rtol=rtol, atol=rtol * scale, equal_nan=True):
            return f"{what}: values differ"
    return None


def gradients(outputs: list, inputs: list, lib: Any) -> list:
    outs = [o for o in outputs if o.requires_grad]
    if not outs or not inputs:
        return []
    seeds = [lib.ones_like(o) for o in outs]
    made = lib.autograd.grad(outs, inputs, seeds, allow_unused=True)
    return [lib.zeros_like(x) if g is None else g for g, x in zip(made, inputs)]


def check(op: Any, dtype: Any, limit: int) -> tuple[int, list[str]]:
    function = find(op.name)
    if function is None:
        return 0, ["missing"]
    faults, count = [], 0
    floating = dtype.is_floating_point or dtype.is_complex
    grads = op.supports_autograd and floating
    for number, sample in enumerate(op.sample_inputs("cpu", dtype, requires_grad=grads)):
        if number >= limit:
            break
        args, kwargs = (sample.input, *sample.args), sample.kwargs
        mine, named = to_ours(args), to_ours(kwargs)
        torch.manual_seed(42)
        rl.manual_seed(42)
        try:
            theirs = op.op(*args, **kwargs)
        except Exception:
            continue
        count += 1
        try:
            ours = function(*mine, **named)
            rtol = TOLERANCE.get(dtype, 1e-6)
            made, wanted = leaves(ours, rl.Tensor), leaves(theirs, torch.Tensor)
            if op.name in TIES and not floating:  # where each of equal elements stood
                made, wanted = ([x for x in t[:1] if op.name != "argsort"] for t in (made, wanted))
            fault = compare(made, wanted, rtol, "result")
            if fault is None and grads:
                ins = [x for x in leaves((args, kwargs), torch.Tensor) if x.requires_grad]
                own = [x for x in leaves((mine, named), rl.Tensor) if x.requires_grad]
                fault = compare(
                    gradients(leaves(ours, rl.Tensor), own, rl),
                    gradients(leaves(theirs, torch.Tensor), ins, torch), rtol, "gradient",
                )  # fmt: skip
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{where.filename.split('/')[-1]}:{where.lineno}"
            fault = f"{type(error).__name__}: {str(error)[:150]} ({place})"
        if fault is not None:
            shown = [tuple(x.shape) if isinstance(x, torch.Tensor) else x for x in args]
            faults.append(f"{fault}   args {str(shown)[:120]} {str(kwargs)[:120]}")
    return count, faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--dtype", default="float32")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    dtype = getattr(torch, chosen.dtype)
    total = wrong = 0
    missing = []
    for op in op_db:
        if chosen.only not in op.name or any(s in op.name for s in SKIP) or op.name.startswith("_"):
            continue
        if {
            op.name,
            f"{op.name}.{op.variant_test_name}",
        } & WRAPPED or dtype not in op.supported_dtypes("cpu"):
            continue
        try:
            count, faults = check(op, dtype, chosen.samples)
        except Exception as error:
            print(f"{op.name}.{op.variant_test_name}: sample failed: {error}"[:200])
            continue
        if faults == ["missing"]:
            missing.append(op.name)
            continue
        total += count
        wrong += len(faults)
        if faults:
            print(
                f"{op.name}.{op.variant_test_name}: {len(faults)} of {count}: {faults[0]}",
                flush=True,
            )
    share = 100 * wrong / math.inf if not total else 100 * wrong / total
    print(
        f"{total} samples, {wrong} differ ({share:.1f} %); missing: {len(missing)}: "
        f"{' '.join(sorted(set(missing)))}"
    )


if __name__ == "__main__":
    main()
