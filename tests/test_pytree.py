"""Trees of containers: what is a leaf, and that building undoes flattening."""

import importlib
from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

Pair = namedtuple("Pair", "first second")


def pytree(framework="rushlight"):
    return importlib.import_module(f"{framework}.utils._pytree")


TREES = [
    3,
    [1, (2, 3), {"a": 4, "b": [None]}],
    OrderedDict([("z", 1), ("a", (2,))]),
    Pair([1, 2], {"x": 3}),
    deque([1, [2]], maxlen=5),
    defaultdict(list, {"k": [1, 2]}),
    [],
]


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: type(tree).__name__)
def test_building_undoes_flattening(tree):
    p = pytree()
    leaves, spec = p.tree_flatten(tree)
    again = p.tree_unflatten(leaves, spec)
    assert again == tree and type(again) is type(tree)
    assert p.tree_structure(tree) == spec and spec.num_leaves == len(leaves)


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: type(tree).__name__)
def test_leaves_are_pytorchs(tree):
    pytest.importorskip("torch")
    assert pytree().tree_leaves(tree) == pytree("torch").tree_leaves(tree)


def test_maps_over_several_trees_and_over_types():
    p = pytree()
    assert p.tree_map(lambda a, b: a + b, [1, {"x": 2}], [10, {"x": 20}]) == [11, {"x": 22}]
    assert p.tree_map_only(int, lambda n: -n, [1, "a", (2,)]) == [-1, "a", (-2,)]
    assert p.tree_any(lambda n: n > 2, [1, 3]) and not p.tree_all(lambda n: n > 2, [1, 3])
    with pytest.raises(
        ValueError, match="has length 1 but the spec refers to a pytree that holds 2"
    ):
        p.tree_unflatten([1], p.tree_structure([0, 0]))
