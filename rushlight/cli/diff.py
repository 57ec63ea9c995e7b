"""`rushlight diff A B`: names, shapes, dtypes and values in which two checkpoints differ."""

import argparse
from typing import Any

import numpy as np

from .._files.formats import open_checkpoint
from .._files.records import FAULTS, Limits, TensorRecord
from .._files.values import decode
from .._files.walk import bounded, tensors
from .inspect import as_json, complain, flags, paint


def register(commands: Any) -> None:
    """Adds `diff` and its arguments to the command line."""
    parser = commands.add_parser("diff", description=__doc__)
    parser.add_argument("first", metavar="A")
    parser.add_argument("second", metavar="B")
    parser.add_argument(
        "--rtol", type=float, default=0.0, help="allowed difference relative to B (default 0)"
    )
    parser.add_argument(
        "--atol", type=float, default=0.0, help="allowed absolute difference (default 0)"
    )
    flags(parser, names="compare names, shapes and dtypes only", json="for machines")


def main(args: argparse.Namespace) -> int:
    """Status 0 if they are equal, 1 if they differ, 2 if one cannot be read."""
    try:
        limits = Limits(**dict(args.limit))
        opened = (open_checkpoint(path, limits=limits) for path in (args.first, args.second))
        first, second = (tensors(found.root) for found in opened)
        if not args.names:
            bounded(first)
            bounded(second)
        found = compare(first, second, args.rtol, args.atol, values=not args.names)
    except FAULTS as error:
        return complain("diff", error)
    if args.json:
        print(as_json(found))
    else:
        _print(found, args)
    return 0 if found["equal"] else 1


def compare(
    first: dict[str, TensorRecord], second: dict[str, TensorRecord], rtol: float, atol: float, *,
    values: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """All differences, as plain data."""
    changed: dict[str, dict[str, Any]] = {}
    for name in first:
        if name in second:
            what = _difference(first[name], second[name], rtol, atol, values)
            for record in (first[name], second[name]):
                if record.storage is not None:
                    record.storage.release()
            if what:
                changed[name] = what
    pairs = (first, second), (second, first)
    only = [[name for name in mine if name not in theirs] for mine, theirs in pairs]
    return {
        "equal": not (changed or only[0] or only[1]), "only_first": only[0], "only_second": only[1],
        "changed": changed, "common": len(first) - len(only[0]),
    }  # fmt: skip


def _difference(
    a: TensorRecord, b: TensorRecord, rtol: float, atol: float, values: bool
) -> dict[str, Any]:
    if a.shape != b.shape:
        return {"shape": [list(a.shape), list(b.shape)]}
    found: dict[str, Any] = {} if a.dtype == b.dtype else {"dtype": [a.dtype, b.dtype]}
    if not values or a.storage is None or b.storage is None or not a.count:
        return found
    if a.dtype == b.dtype and not a.flags and not b.flags and np.array_equal(a.array(), b.array()):
        return found
    x, y = decode(a), decode(b)
    kind = np.complex128 if "c" in (x.dtype.kind, y.dtype.kind) else np.float64
    x, y = x.astype(kind), y.astype(kind)
    with np.errstate(all="ignore"):
        gap = np.abs(x - y)
        equal = (x == y) | (np.isnan(x) & np.isnan(y)) | (gap <= atol + rtol * np.abs(y))
    if not equal.all():
        far = np.where(equal, -1, np.nan_to_num(gap, nan=np.inf))
        at = np.unravel_index(int(far.argmax()), gap.shape)
        found |= {"count": int((~equal).sum()), "of": equal.size, "largest": float(gap[at])}
        found["at"] = [int(i) for i in at]
    return found


def _print(found: dict[str, Any], args: argparse.Namespace) -> None:
    for name in found["only_first"]:
        print(paint(f"- {name}", "bad") + f" (only in {args.first})")
    for name in found["only_second"]:
        print(paint(f"+ {name}", "good") + f" (only in {args.second})")
    for name, what in found["changed"].items():
        changes = [(key, what[key]) for key in ("shape", "dtype") if key in what]
        parts = [f"{key} {old} -> {new}" for key, (old, new) in changes]
        if "count" in what:
            parts.append(
                f"{what['count']} of {what['of']} values differ, by up to {what['largest']:.4g} "
                f"at {what['at']}"
            )
        print(f"{paint('~ ' + name, 'warn')}: {'; '.join(parts)}")
    same = found["common"] - len(found["changed"])
    print(f"{same} of {found['common']} common tensors are equal")
