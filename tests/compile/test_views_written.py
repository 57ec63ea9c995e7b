"""Writes through chains of views in a trace: views of views stay views of one memory."""

import pytest

import rushlight as rl


def through_a_transpose(x):
    y = x.clone()
    y.t()[0] += 1
    y.view(-1)[3] = 7
    return y, y.is_contiguous()


def twice_transposed(x):
    y = x.clone()
    y.t().t().mul_(2)
    return y


def moved_there_and_back(x):
    y = x.clone()
    back = y.movedim(0, -1).permute(1, 0)
    back.clamp_(-1, 1)
    y[0].zero_()
    return y, back


def part_of_a_transposed_twice(x):
    y = x * 1
    y.swapaxes(0, 1).swapaxes(0, 1)[1].add_(y[2])
    return y


def a_copy_is_no_view(x):
    y = x.clone()
    z = y.t().reshape(-1)
    z.zero_()
    return y, z


def as_another_lies(x):
    y = x.clone()
    y.add_(x.t().contiguous().t())
    y.copy_(y.t().contiguous().t() * 2)
    y.view(4, 5)[1] = 0
    return y


def reshaped_after_a_transposed_write(x):
    y = x.clone()
    y.t()[0] += 1
    y.reshape(-1)[3] = 7
    return y, y.reshape(-1)


def reshaped_where_that_copies(x):
    y = x.t() * 1
    y[0].add_(1)
    y.reshape(-1)[3] = 7
    y.t().reshape(-1)[5] = 9
    return y, *y.stride()


def parts_of_one_that_lies_transposed(x):
    y = x.t() + 1
    y[0].mul_(2)
    return y * x.t()


def moved_through_a_view_of_a_part(x):
    y = x.clone()
    part = y[1:, 1:].t()
    part.mul_(3)
    part.flatten()[2] = 5
    return y, *part.stride(), part.storage_offset(), y[1:].add_(1).storage_offset()


PROGRAMS = [
    through_a_transpose, twice_transposed, moved_there_and_back, part_of_a_transposed_twice,
    a_copy_is_no_view, as_another_lies, reshaped_after_a_transposed_write,
    reshaped_where_that_copies, parts_of_one_that_lies_transposed, moved_through_a_view_of_a_part,
]  # fmt: skip


def left(f, needs):
    x = rl.arange(20.0).sub(9).reshape(5, 4).requires_grad_(needs)
    made = f(x)
    made = made if isinstance(made, tuple) else (made,)
    tensors = [t for t in made if isinstance(t, rl.Tensor)]
    if needs:
        sum((t * t).sum() for t in tensors).backward()
    lists = [t.tolist() for t in tensors]
    return lists, [t for t in made if isinstance(t, int)], needs and x.grad.tolist()


@pytest.mark.parametrize("needs", (False, True), ids=("plain", "recorded"))
@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_a_write_reaches_all_names_of_its_memory(f, needs):
    assert left(rl.compile(f), needs) == left(f, needs)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_a_write_reaches_all_names_of_its_memory_in_a_transform(f):
    x = rl.arange(20.0).sub(9.3).reshape(5, 4)
    wanted = f(x) if isinstance(f(x), tuple) else (f(x),)
    wanted = [t for t in wanted if isinstance(t, rl.Tensor)]

    def tensors(x):
        made = f(x) if isinstance(f(x), tuple) else (f(x),)
        return tuple(t for t in made if isinstance(t, rl.Tensor))

    batch = rl.stack([x, x])
    for g in (tensors, rl.compile(tensors)):
        for one, both in zip(wanted, rl.func.vmap(g)(batch)):
            assert both.tolist() == [one.tolist()] * 2
    out, tangent = rl.func.jvp(lambda x: tensors(x)[0], (x,), (rl.ones_like(x),))
    h, x = 1e-6, x.double()
    slope = (tensors(x + h)[0] - tensors(x - h)[0]) / (2 * h)
    assert out.tolist() == wanted[0].tolist()
    assert rl.allclose(tangent.double(), slope, atol=1e-4)  # also where a key is one number


def test_a_transposed_result_lies_as_eagerly_and_shares_memory_with_other_views():
    x = rl.arange(20.0).reshape(5, 4)

    def f(x):
        y = x * 2
        return y.t(), y.movedim(1, 0), y.sum().expand(3)

    g = rl.compile(f)
    for _ in range(2):
        made, other, wide = g(x)
        assert g.explain().count("ran eagerly") == 0
        assert [t.stride() for t in (made, other, wide)] == [t.stride() for t in f(x)]
        assert made.tolist() == f(x)[0].tolist() and wide.tolist() == f(x)[2].tolist()
        made.zero_()
        assert not other.any()
    single = rl.compile(lambda x: (x * 2).t())
    assert [single(x).stride() for _ in range(3)] == [(1, 4)] * 3
    assert single(x).tolist() == (x * 2).t().tolist()


def test_a_view_of_a_view_is_one_without_values_too():
    y = rl.zeros(5, 4, device="meta")
    assert y.t().t()._base is y


def test_a_view_that_needs_a_copy_is_refused_in_a_trace_and_without_values():
    x = rl.zeros(3, 4)
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        rl.compile(lambda x: x.t().view(-1), fullgraph=True)(x)
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        x.to("meta").t().view(-1)
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        rl.func.vmap(lambda row: row.t().view(-1))(x.expand(2, 3, 4))
