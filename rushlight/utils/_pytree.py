"""Nested containers taken apart into leaves and built again, under PyTorch's private names."""

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class _Node(NamedTuple):
    """How containers of one type give their children, and are built again."""

    flatten: Callable[[Any], tuple[list, Any]]
    unflatten: Callable[[Iterable, Any], Any]


SUPPORTED_NODES: dict[type, _Node] = {}


class TreeSpec:
    """The shape of a tree: its type, what else it needs to be built, and its children's shapes."""

    __slots__ = ("type", "context", "children_specs", "num_leaves")

    def __init__(self, type: Any, context: Any, children_specs: list["TreeSpec"]) -> None:
        self.type, self.context, self.children_specs = type, context, children_specs
        self.num_leaves = 1 if type is None else sum(s.num_leaves for s in children_specs)

    def is_leaf(self) -> bool:
        """Whether the whole tree is one leaf."""
        return self.type is None

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, TreeSpec) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    def __hash__(self) -> int:
        return hash((self.type, self.num_leaves))

    def __repr__(self) -> str:
        if self.is_leaf():
            return "*"
        inner = ", ".join(map(repr, self.children_specs))
        return f"TreeSpec({self.type.__name__}, {self.context}, [{inner}])"


class LeafSpec(TreeSpec):
    """The shape of a single leaf."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None, None, [])


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[list, Any]],
    unflatten_fn: Callable[[Iterable, Any], Any],
    **others: Any,
) -> None:
    """Makes instances of a class containers instead of leaves."""
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = _Node(flatten_fn, unflatten_fn)


def _kind(tree: Any) -> Any:
    """The registered type of a container, or None for a leaf."""
    cls = type(tree)
    if isinstance(tree, tuple) and cls is not tuple and hasattr(cls, "_fields"):
        return namedtuple
    return cls if cls in SUPPORTED_NODES else None


def tree_flatten(
    tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> tuple[list[Any], TreeSpec]:
    """The leaves in order, and the shape that `tree_unflatten` builds the tree from."""
    leaves: list[Any] = []

    def walk(part: Any) -> TreeSpec:
        kind = None if is_leaf is not None and is_leaf(part) else _kind(part)
        if kind is None:
            leaves.append(part)
            return LeafSpec()
        children, context = SUPPORTED_NODES[kind].flatten(part)
        return TreeSpec(kind, context, [walk(child) for child in children])

    spec = walk(tree)
    return leaves, spec


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The tree of a shape with these leaves."""
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(
            f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to "
            f"a pytree that holds {treespec.num_leaves} items ({treespec})."
        )
    left = iter(leaves)

    def build(spec: TreeSpec) -> Any:
        if spec.is_leaf():
            return next(left)
        children = [build(child) for child in spec.children_specs]
        return SUPPORTED_NODES[spec.type].unflatten(children, spec.context)

    return build(treespec)


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves in order."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The shape of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(
    func: Callable, tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """The tree of `func` of each leaf, and of the leaves at the same places of other trees."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_flatten(rest, is_leaf)[0] for rest in rests]
    return tree_unflatten([func(*each) for each in zip(leaves, *others, strict=True)], spec)


def tree_map_only(kinds: Any, func: Callable, tree: Any) -> Any:
    """The tree with `func` applied to the leaves of the given types."""
    return tree_map(lambda leaf: func(leaf) if isinstance(leaf, kinds) else leaf, tree)


def tree_all(pred: Callable[[Any], bool], tree: Any) -> bool:
    """Whether all leaves fulfil a condition."""
    return all(map(pred, tree_leaves(tree)))


def tree_any(pred: Callable[[Any], bool], tree: Any) -> bool:
    """Whether some leaf fulfils a condition."""
    return any(map(pred, tree_leaves(tree)))


def _keyed(build: Callable[[Iterable, Any], Any]) -> _Node:
    return _Node(
        lambda tree: (list(tree.values()), list(tree)),
        lambda children, keys: build(zip(keys, children, strict=True), keys),
    )


SUPPORTED_NODES[list] = _Node(lambda tree: (tree, None), lambda children, _: list(children))
SUPPORTED_NODES[tuple] = _Node(lambda tree: (list(tree), None), lambda children, _: tuple(children))
SUPPORTED_NODES[dict] = _keyed(lambda pairs, _: dict(pairs))
SUPPORTED_NODES[OrderedDict] = _keyed(lambda pairs, _: OrderedDict(pairs))
SUPPORTED_NODES[namedtuple] = _Node(  # type: ignore[index]
    lambda tree: (list(tree), type(tree)), lambda children, cls: cls(*children)
)
SUPPORTED_NODES[deque] = _Node(
    lambda tree: (list(tree), tree.maxlen), lambda children, size: deque(children, maxlen=size)
)
SUPPORTED_NODES[defaultdict] = _Node(
    lambda tree: (list(tree.values()), [tree.default_factory, list(tree)]),
    lambda children, kept: defaultdict(kept[0], zip(kept[1], children, strict=True)),
)
