"""Contractions named by their dimensions: einsum, tensordot, kron, and chains of products."""

from collections.abc import Sequence
from math import prod
from typing import Any

from .._core.op import composite, filling, op
from .dims import filled_up, listed

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _read_side(text: str, at: int) -> list:
    """The labels of one operand: letters, with `...` as Ellipsis."""
    labels: list = []
    i = 0
    while i < len(text):
        if text[i] == ".":
            if text[i : i + 3] != "..." or ... in labels:
                raise RuntimeError(
                    "einsum(): found '.' for operand that is not part of any ellipsis, or a second "
                    f"ellipsis, in {text!r}"
                )
            labels.append(...)
            i += 3
            continue
        if text[i] != " ":
            if text[i] not in LETTERS:
                raise RuntimeError(
                    f"einsum(): invalid subscript given at index {at + i} in the equation string, "
                    "subscripts must be in [a-zA-Z]"
                )
            labels.append(text[i])
        i += 1
    return labels


def _read(equation: str) -> tuple[list[list], list | None]:
    """The labels of each operand, and of the output where it is given."""
    left, arrow, right = equation.partition("->")
    sides, at = [], 0
    for text in left.split(","):
        sides.append(_read_side(text, at))
        at += len(text) + 1
    return sides, _read_side(right, len(left) + 2) if arrow else None


def _read_lists(args: Sequence[Any]) -> tuple[list, list[list], list | None]:
    """Operands and labels of the form einsum(a, [0, 1], b, [1, 2], [0, 2])."""

    def letters(labels: Sequence[Any]) -> list:
        for k in labels:
            if k is not ... and not 0 <= k < len(LETTERS):
                raise RuntimeError(
                    f"einsum(): subscripts in the list format must be from 0 to 51, got {k}"
                )
        return [k if k is ... else LETTERS[k] for k in labels]

    pairs = len(args) // 2
    output = letters(args[-1]) if len(args) % 2 else None
    return (
        [args[2 * i] for i in range(pairs)],
        [letters(args[2 * i + 1]) for i in range(pairs)],
        output,
    )


def _check_counts(sides: list[list], operands: list) -> None:
    if len(operands) != len(sides):
        few = "fewer" if len(operands) < len(sides) else "more"
        raise RuntimeError(
            f"einsum(): {few} operands were provided than specified in the equation; it names "
            f"{len(sides)}, {len(operands)} were given"
        )
    for i, (labels, x) in enumerate(zip(sides, operands, strict=True)):
        named = len(labels) - (... in labels)
        if named != x.ndim and (... not in labels or named > x.ndim):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) does not match the"
                f" number of dimensions ({x.ndim}) for operand {i}"
                + (" and no ellipsis was given" if ... not in labels else "")
            )


def _expand(sides: list[list], output: list | None, operands: list) -> tuple[list[list], list]:
    """Labels with each ellipsis spelt out as numbers, and the output's labels."""
    hidden = [
        x.ndim - len(side) + 1 if ... in side else 0
        for side, x in zip(sides, operands, strict=True)
    ]
    most = max(hidden)

    def spelt(labels: list, count: int) -> list:
        if ... not in labels:
            return labels
        at = labels.index(...)
        return [*labels[:at], *range(most - count, most), *labels[at + 1 :]]

    full = [spelt(side, count) for side, count in zip(sides, hidden, strict=True)]
    if output is None:
        flat = [k for side in sides for k in side if k is not ...]
        once = sorted({k for k in flat if flat.count(k) == 1}, key=LETTERS.index)
        return full, [*range(most), *once]
    for k in output:
        if k is not ... and output.count(k) > 1:
            raise RuntimeError(
                f"einsum(): output subscript {k} appears more than once in the output"
            )
        if k is not ... and not any(k in side for side in full):
            raise RuntimeError(
                f"einsum(): output subscript {k} does not appear in the equation for any input"
                " operand"
            )
    return full, spelt(output, most)


def _sizes(sides: list[list], operands: list) -> dict:
    """The size of each label: 1 gives way to any other."""
    sizes: dict = {}
    for i, (labels, x) in enumerate(zip(sides, operands, strict=True)):
        for k, n in zip(labels, x.shape, strict=True):
            seen = sizes.get(k, 1)
            if n != 1 and seen not in (1, n):
                raise RuntimeError(
                    f"einsum(): subscript {k} has size {n} for operand {i} which does not broadcast"
                    f" with previously seen size {seen}"
                )
            sizes[k] = n if seen == 1 else seen
    return sizes


def _prepared(x: Any, labels: list, sizes: dict) -> tuple[Any, list]:
    """An operand with repeated labels on its diagonal, and broadcast dimensions dropped."""
    labels = list(labels)
    for k in dict.fromkeys(labels):
        while labels.count(k) > 1:
            i = labels.index(k)
            j = labels.index(k, i + 1)
            x = x.diagonal(0, i, j)
            del labels[j], labels[i]
            labels.append(k)
    thin = [i for i, k in enumerate(labels) if x.shape[i] == 1 and sizes[k] != 1]
    if thin:
        x = x.reshape([n for i, n in enumerate(x.shape) if i not in thin])
        labels = [k for i, k in enumerate(labels) if i not in thin]
    return x, labels


def _summed(x: Any, labels: list, wanted: set) -> tuple[Any, list]:
    """`x` added up over the labels that nobody else wants."""
    gone = [i for i, k in enumerate(labels) if k not in wanted]
    if gone:
        x, labels = x.sum(gone), [k for k in labels if k in wanted]
    return x, labels


def _arranged(x: Any, labels: list, order: list) -> Any:
    places = [labels.index(k) for k in order]
    return x if places == list(range(len(places))) else x.permute(places)


def _paired(a: Any, left: list, b: Any, right: list, wanted: set, sizes: dict) -> tuple[Any, list]:
    """Two operands contracted over the labels that both have and nobody wants any more."""
    a, left = _summed(a, left, wanted | set(right))
    b, right = _summed(b, right, wanted | set(left))
    both = [k for k in left if k in right]
    batch = [k for k in both if k in wanted]
    inner = [k for k in both if k not in wanted]
    rows, cols = [k for k in left if k not in right], [k for k in right if k not in left]
    a, b = _arranged(a, left, batch + rows + inner), _arranged(b, right, batch + inner + cols)
    size = lambda labels: prod([sizes[k] for k in labels])
    a = a.reshape(size(batch), size(rows), size(inner))
    b = b.reshape(size(batch), size(inner), size(cols))
    if not inner:
        made = a * b
    elif batch:
        made = a.bmm(b)
    else:
        made = a.reshape(a.shape[1:]) @ b.reshape(b.shape[1:])
    labels = batch + rows + cols
    return made.reshape([sizes[k] for k in labels]), labels


@composite
def einsum(equation: Any, *operands: Any) -> Any:
    """Sum of products by Einstein's notation.

    Each operand's dimensions are named by letters, `...` stands for any number of them; what the
    output does not name is summed. Operands may also be followed by lists of numbers, 0 to 51.

    Example:
        >>> torch.einsum("bij,bjk->bik", x, y)    # a batch of matrix products
    """
    output: list | None
    if isinstance(equation, str):
        given = list(listed(operands))
        sides, output = _read(equation)
    else:
        given, sides, output = _read_lists((equation, *operands))
    if not given:
        raise ValueError("einsum(): must specify the equation string and at least one operand")
    _check_counts(sides, given)
    sides, out = _expand(sides, output, given)
    sizes = _sizes(sides, given)
    x, labels = _prepared(given[0], sides[0], sizes)
    for i in range(1, len(given)):
        y, other = _prepared(given[i], sides[i], sizes)
        wanted = set(out).union(*sides[i + 1 :])
        x, labels = _paired(x, labels, y, other, wanted, sizes)
    x, labels = _summed(x, labels, set(out))
    for k in [k for k in out if k not in labels]:  # every operand had size 1 there
        x, labels = x.unsqueeze(-1), [*labels, k]
    return (
        x.permute([labels.index(k) for k in out])
        if len(given) == 1 and out
        else _arranged(x, labels, out)
    )


def _axes(dims: Any, ndim: int, first: bool) -> list[int]:
    if isinstance(dims, int):
        return list(range(ndim - dims, ndim)) if first else list(range(dims))
    chosen = dims[0 if first else 1]
    chosen = [chosen] if isinstance(chosen, int) else [int(d) for d in chosen]
    return [d % ndim for d in chosen]


@filling
def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """Products summed over pairs of dimensions.

    Args:
        a, b: any shapes.
        dims: how many of a's last dimensions meet as many first ones of b, or two lists of dims.
    """
    if hasattr(dims, "tolist"):
        dims = dims.tolist()
    if isinstance(dims, int) and (dims < 0 or dims > min(a.ndim, b.ndim)):
        raise RuntimeError(
            f"tensordot expects dims >= 0 and within both tensors, but got dims={dims}"
        )
    left, right = _axes(dims, a.ndim, True), _axes(dims, b.ndim, False)
    if len(left) != len(right):
        raise RuntimeError(
            f"both dimension lists should have same length; they are {left} and {right}"
        )
    for i, j in zip(left, right, strict=True):
        if a.shape[i] == 1:  # of two sizes that meet, 1 stands for any: the other is summed
            b = b.sum(j, keepdim=True, dtype=b.dtype)
        elif b.shape[j] == 1:
            a = a.sum(i, keepdim=True, dtype=a.dtype)
        elif a.shape[i] != b.shape[j]:
            first = i - a.ndim if isinstance(dims, int) else i
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[i]} in dim"
                f" {first} and second has size {b.shape[j]} in dim {j}"
            )
    rows = [i for i in range(a.ndim) if i not in left]
    cols = [j for j in range(b.ndim) if j not in right]
    inner = prod([a.shape[i] for i in left])
    x = a.permute(rows + left).reshape(prod([a.shape[i] for i in rows]), inner)
    y = b.permute(right + cols).reshape(inner, prod([b.shape[j] for j in cols]))
    return (x @ y).reshape([a.shape[i] for i in rows] + [b.shape[j] for j in cols])


@op("pointwise", node="UnsafeViewBackward0", broadcasts=False)
def kron(m, input, other):
    """Kronecker product: each element of `input` times the whole of `other`, laid out in blocks."""
    n = max(len(input.shape), len(other.shape))
    a, b = filled_up(input.shape, n), filled_up(other.shape, n)
    x = m.reshape(input, tuple(k for size in a for k in (size, 1)))
    y = m.reshape(other, tuple(k for size in b for k in (1, size)))
    return m.reshape(x * y, tuple(p * q for p, q in zip(a, b)))


def _blockwise(m: Any, g: Any, x: Any, other: Any, axis: int) -> Any:
    """The gradient of one factor of a Kronecker product: the other's elements summed out."""
    n = len(g.shape)
    a, b = filled_up(x.shape, n), filled_up(other.shape, n)
    pairs = zip(a, b) if axis == 0 else zip(b, a)
    g = m.reshape(g, tuple(k for pair in pairs for k in pair))
    ones = zip(b, (1,) * n) if axis == 1 else zip((1,) * n, b)
    y = m.reshape(other, tuple(k for pair in ones for k in pair))
    summed = m.sum(g * m.conj(y), axis=tuple(2 * i + 1 - axis for i in range(n)))
    return m.reshape(summed, tuple(x.shape))


@kron.vjp("input")
def _(m, g, input, other):
    return _blockwise(m, g, input, other, 0) if g.shape else g * m.conj(other)


@kron.vjp("other")
def _(m, g, input, other):
    return _blockwise(m, g, other, input, 1) if g.shape else g * m.conj(input)


def _chain_order(sizes: list[int]) -> list[list[int]]:
    """Where to split each stretch of a chain of products, at the least multiplications."""
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            found = [
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i][j], split[i][j] = min(found)
    return split


@filling
def linalg_multi_dot(tensors: Any) -> Any:
    """Product of a chain of matrices, in the order that multiplies least; vectors may end it."""
    given = list(tensors)
    if len(given) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(given)}")
    first, last = given[0].ndim == 1, given[-1].ndim == 1
    given[0] = given[0].unsqueeze(0) if first else given[0]
    given[-1] = given[-1].unsqueeze(1) if last else given[-1]
    for i, x in enumerate(given):
        if x.ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {x.ndim}D")
        if i and given[i - 1].shape[1] != x.shape[0]:
            shapes = f"{list(given[i - 1].shape)} and {list(x.shape)}"
            raise RuntimeError(
                f"multi_dot(): tensors {i - 1} and {i} with shapes {shapes} cannot be multiplied"
            )
    split = _chain_order([given[0].shape[0], *[x.shape[1] for x in given]])

    def stretch(i: int, j: int) -> Any:
        return given[i] if i == j else stretch(i, split[i][j]) @ stretch(split[i][j] + 1, j)

    made = stretch(0, len(given) - 1)
    shape = ([] if first else [made.shape[0]]) + ([] if last else [made.shape[1]])
    return made.reshape(shape)


@composite
def chain_matmul(*matrices: Any) -> Any:
    """Product of the matrices given, in the order that multiplies least."""
    given = listed(matrices)
    return given[0] if len(given) == 1 else linalg_multi_dot(given)
