"""Joins, pads and writes: each part stored where it belongs by what makes it."""

import os
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

from graphs import Builder, same

from rushlight._engine.assemble import assembled
from rushlight._engine.graph import Graph

F32 = np.dtype("float32")


def words(program):
    return [s.word for g in program.fused.groups if not g.native for s in g.steps]


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_joined_parts_are_stored_by_what_makes_them(axis, dtype):
    b = Builder()
    x, y = b.input((3, 4, 5), dtype), b.input((3, 4, 5), dtype)
    other = b.logical_and(x, y) if dtype == "bool" else b.maximum(x, y)
    both = b.concat([x, other, b.index(y, (slice(0, 3),))], axis)
    program = same(b, [both, b.index(both, (slice(1, 3),)), b.equal(both, both)])
    assert not words(program) and len(program.parts) <= 2


def test_reductions_and_products_store_into_a_part():
    b = Builder()
    x, w = b.input((6, 8)), b.input((8, 5))
    total = b.sum(x, axis=-1, keepdims=True)
    product = b.maximum(b.matmul(x, w), 0.0)
    program = same(b, [b.concat([total, product, b.exp(x)], 1)], tol=1e-5)
    assert not words(program)


def test_a_column_of_softmax_goes_into_a_part_with_other_strides():
    b = Builder()
    x = b.input((6, 8))
    e = b.exp(b.subtract(x, b.max(x, axis=-1, keepdims=True)))
    soft = b.divide(e, b.sum(e, axis=-1, keepdims=True))
    program = same(b, [b.concat([b.permute_dims(soft, (1, 0)), b.permute_dims(x, (1, 0))], 0)])
    assert not words(program)


@pytest.mark.parametrize("value", [0, 1.5])
def test_pads(value):
    b = Builder()
    x = b.input((2, 3, 4))
    wide = b.pad(b.multiply(x, 2.0), [(0, 0), (1, 2), (0, 3)], value)
    program = same(b, [wide, b.sum(wide, axis=-1)])
    assert not words(program)


def test_writes_into_zeros_become_parts():
    b = Builder()
    x, y = b.input((4, 3)), b.input((4, 2))
    empty = b.full((4, 9), 0, F32)
    one = b.write(empty, x, (slice(None), slice(0, 3)))
    two = b.write(one, y, (slice(None), slice(5, 7)))
    three = b.write(two, 2.0, (1, 8))
    graph = assembled(Graph(b.inputs, b.steps, [three]))
    (step,) = [s for s in graph.steps if s.word == "assemble"]
    assert sum(np.prod([e - a for a, e in box]) for box in step.params["boxes"]) == 36
    assert not words(same(b, [three]))


def test_sums_of_zeros_with_parts_are_one():
    b = Builder()
    x, y, z = b.input((4, 3)), b.input((4, 3)), b.input((4, 3))
    parts = [
        b.write(b.full((4, 9), 0, F32), v, (slice(None), slice(3 * i, 3 * i + 3)))
        for i, v in enumerate((x, y, z))
    ]
    made = b.add(b.add(parts[0], parts[1]), parts[2])
    assert not words(program := same(b, [made]))
    assert all(s.word != "add" for g in program.fused.groups for s in g.steps)


def test_a_write_into_values_keeps_the_rest():
    b = Builder()
    x, y = b.input((4, 5)), b.input((2, 2))
    made = b.write(b.multiply(x, 3.0), y, (slice(1, 3), slice(2, 4)))
    row = b.write(made, 7.0, (0, Ellipsis))
    assert not words(same(b, [made, row, b.write(x, b.index(y, (0,)), (3, slice(0, 2)))]))


def test_steps_and_parts_around_a_word_of_numpy():
    b = Builder()
    x, y = b.input((4, 6)), b.input((6, 6))
    far = b.write(b.full((4, 6), 0, F32), b.index(x, (slice(None), slice(0, 3))),
                  (slice(None), slice(0, 6, 2)))  # fmt: skip
    joined = b.concat([b.exp(x), b.inv(b.negative(y))[0], b.tanh(x)], 0)
    program = same(b, [far, joined, b.add(joined, 1.0)])
    assert sorted(words(program)) == ["inv", "write"]


def test_copies_in_order_and_constants():
    b = Builder()
    x, n = b.input((4, 6)), b.input((6, 4), "int64")
    turned = b.reshape(b.permute_dims(x, (1, 0)), (3, 8))
    counted = b.add(n, b.reshape(b.arange(0, 24, 1, np.dtype("int64")), (6, 4)))
    kept = b.contiguous(b.permute_dims(n, (1, 0)))
    program = same(b, [turned, b.multiply(turned, 2.0), counted, kept])
    assert not words(program)
