"""Large arrays begin on a line of memory, and everybody knows whose that memory is."""

import copy
import io
import pickle

import numpy as np
import pytest

import rushlight as rl
from rushlight._core import memory
from rushlight._core.tape import make, owned
from rushlight._engine.apart import Apart

F32 = np.dtype(np.float32)


@pytest.fixture(autouse=True)
def lined(monkeypatch):
    """Small arrays count as large ones."""
    monkeypatch.setattr(memory, "_LINED", 0)


def line(*shape):
    """An array of numbers that begins on a line."""
    made = memory.empty(shape, F32)
    made[...] = np.arange(made.size).reshape(shape)
    return made


def address(array):
    return array.__array_interface__["data"][0]


def test_it_begins_on_a_line():
    kept = [memory.empty((n,), F32) for n in range(1, 40)]
    assert all(address(a) % memory.LINE == 0 for a in kept)
    assert all(type(a) is np.ndarray and a.flags.c_contiguous and a.flags.writeable for a in kept)


def test_small_arrays_are_numpys(monkeypatch):
    monkeypatch.undo()
    assert memory.empty((1000,), F32).base is None
    assert memory.empty((0, 1 << 30), F32).base is None
    assert isinstance(memory.empty((1 << 20,), F32).base, memory.Memory)


def test_views_hold_the_array_itself():
    a = line(4, 6)
    for view in (a[1:], a.T, a.reshape(-1), a[1:][1:, ::2], a.view(np.uint8)):
        assert view.base is a
        assert memory.owner(view) is a
    assert memory.owner(a) is a


def test_owned_gives_what_nobody_else_holds():
    leaves = {0: line(4)}
    before = address(leaves[0])
    _, g = leaves.popitem()
    assert address(owned(g)) == before


@pytest.mark.parametrize("hold", [lambda a: a, lambda a: a[1:], lambda a: memoryview(a)])
def test_owned_copies_what_somebody_holds(hold):
    leaves = {0: line(4)}
    before, held = address(leaves[0]), hold(leaves[0])
    _, g = leaves.popitem()
    made = owned(g)
    made[...] = 7
    assert address(made) != before
    assert np.asarray(held)[-1] == 3


def test_owned_copies_a_view_of_it():
    leaves = {0: line(4)[1:]}
    _, g = leaves.popitem()
    assert owned(g).base is None


def test_a_program_sees_whether_its_inputs_overlap():
    a, b = line(8), line(8)
    program = Apart([("arg", 0, 0), ("arg", 1, 1)], [0])
    assert program.holds([a, b], 0)
    assert program.holds([a[:4], b], 0)
    assert program.holds([a[:4], a[4:]], 0)
    assert not program.holds([a, a[4:]], 0)


def test_storage_is_the_arrays_alone():
    x = make(line(4, 6))
    view = x[1:, 2:]
    assert x.untyped_storage().nbytes() == 96
    assert x.untyped_storage().data_ptr() == x.data_ptr() == view.untyped_storage().data_ptr()
    assert (x.storage_offset(), view.storage_offset()) == (0, 8)
    assert x.as_strided((3,), (2,), 1).tolist() == [1, 3, 5]
    with pytest.raises(RuntimeError, match="out of bounds for storage of size 96"):
        x.as_strided((25,), (1,))


def test_saved_files_have_no_more_than_the_array():
    x, plain = make(line(4, 6)), rl.arange(24.0).reshape(4, 6).clone()
    sizes = []
    for tensor in (x, plain):
        file = io.BytesIO()
        rl.save({"all": tensor, "part": tensor[1:]}, file)
        sizes.append(len(file.getvalue()))
        file.seek(0)
        found = rl.load(file)
        assert found["all"].equal(plain) and found["part"].equal(plain[1:])
        assert found["part"].data_ptr() == found["all"].data_ptr() + 24
    assert sizes[0] == sizes[1]


def test_copies_are_plain():
    x = make(line(4, 6))
    for made in (copy.deepcopy(x), pickle.loads(pickle.dumps(x)), x.clone(), copy.copy(x).clone()):
        assert made.equal(x) and made.data_ptr() != x.data_ptr()
    again = pickle.loads(pickle.dumps(x.numpy()))
    assert type(again) is np.ndarray and np.array_equal(again, x.numpy())


def test_numpy_shares_it():
    x = make(line(4, 6))
    there = x.numpy()
    back = rl.from_numpy(there)
    back[0, 0] = -1
    assert x[0, 0] == there[0, 0] == -1
    del x, back
    assert there.sum() == 275
    assert np.asarray(make(there)) is there


def test_writing_and_resizing():
    x = make(line(4, 6))
    view = x[1]
    x += 1
    view.zero_()
    assert x.sum() == 300 - 57
    x.resize_(2, 3)
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]]


def _doubled():
    """An identity whose gradient is new memory on a line."""

    class Doubled(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            made = memory.empty(tuple(g.shape), F32)
            np.multiply(g.numpy(), 2, made)
            return make(made)

    return Doubled.apply


def test_gradients_add_up():
    apply, w = _doubled(), rl.ones(5, requires_grad=True)
    apply(w).sum().backward()
    first = w.grad
    apply(w).sum().backward()
    assert w.grad is first and first.tolist() == [4] * 5


def test_tied_parameters_have_gradients_of_their_own():
    apply, w, v = _doubled(), rl.ones(5, requires_grad=True), rl.ones(5, requires_grad=True)
    apply(w + v).sum().backward()
    w.grad.zero_()
    assert v.grad.tolist() == [2] * 5
    apply(w + w).sum().backward()
    assert w.grad.tolist() == [4] * 5
