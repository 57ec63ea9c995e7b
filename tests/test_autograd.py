"""The tape: what backward does, what it keeps, and what it refuses."""

import copy
import gc
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest

import rushlight as rl
from rushlight import autograd
from rushlight._core import modes

DOUBLE = rl.float64


def leaf(*values, dtype=rl.float32):
    return rl.tensor(values, dtype=dtype, requires_grad=True)


def test_gradients_accumulate_into_the_same_tensor():
    x = leaf(1.0, 2.0)
    assert x.grad is None
    (x * x).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    assert x.grad is first and first.tolist() == [5.0, 7.0]


def test_two_leaves_never_share_a_gradient():
    x, y = leaf(1.0), leaf(1.0)
    (x + y).backward(rl.ones(1))
    x.grad.add_(1)
    assert y.grad.tolist() == [1.0]


def test_second_backward_needs_retain_graph():
    x = leaf(1.0, 2.0)
    y = (x.exp()).sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_scalar_is_needed_without_gradient():
    with pytest.raises(
        RuntimeError, match="grad can be implicitly created only for scalar outputs"
    ):
        leaf(1.0, 2.0).exp().backward()
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad"):
        rl.ones(1).sum().backward()


def test_grad_leaves_grad_alone_and_names_unused():
    x, y = leaf(2.0), leaf(3.0)
    (g,) = autograd.grad((x * x).sum(), [x])
    assert g.tolist() == [4.0] and x.grad is None
    with pytest.raises(RuntimeError, match="appears to not have been used in the graph"):
        autograd.grad((x * x).sum(), [x, y])
    assert autograd.grad((x * x).sum(), [x, y], allow_unused=True)[1] is None
    assert autograd.grad((x * x).sum(), [x, y], materialize_grads=True)[1].tolist() == [0.0]


def test_inputs_limits_what_is_accumulated():
    x, w = leaf(2.0), leaf(3.0)
    (x * w).sum().backward(inputs=[x])
    assert x.grad.tolist() == [3.0] and w.grad is None


def test_grad_of_an_intermediate_result():
    x = leaf(2.0)
    h = x * x
    (g,) = autograd.grad((h * 3).sum(), [h])
    assert g.tolist() == [3.0]


def test_third_derivative():
    x = leaf(2.0, dtype=DOUBLE)
    y = x**4
    for want in (32.0, 48.0, 48.0):
        (y,) = autograd.grad(y, [x], rl.ones(1, dtype=DOUBLE), create_graph=True)
        assert y.item() == pytest.approx(want)


def test_node_names_are_pytorchs():
    x, w = rl.randn(2, 3, requires_grad=True), rl.randn(3, 3, requires_grad=True)
    names = {
        "AddBackward0": x + 1, "MulBackward0": x * x, "MmBackward0": x @ w, "SumBackward0": x.sum(),
        "TanhBackward0": x.tanh(), "SelectBackward0": x[0], "SliceBackward0": x[1:],
        "ViewBackward0": x.view(6), "TBackward0": x.t(), "TransposeBackward0": x.transpose(0, 1),
        "CloneBackward0": x.clone(), "PowBackward0": x**2, "DivBackward0": x / 2,
        "SubBackward0": x - 1, "NegBackward0": -x, "ExpandBackward0": x[:1].expand(4, 3),
        "UnsqueezeBackward0": x.unsqueeze(0), "CatBackward0": rl.cat([x, x]),
        "StackBackward0": rl.stack([x, x]), "IndexBackward0": x[[0, 1]],
    }  # fmt: skip
    for name, y in names.items():
        assert type(y.grad_fn).__name__ == name and f"<{name}>" in repr(y)
    assert x.grad_fn is None and x.is_leaf and not names["SumBackward0"].is_leaf


def test_following_next_functions_ends_at_leaves():
    x = leaf(1.0)
    node = (x * 2).exp().grad_fn
    ((inner, _),) = node.next_functions
    (end, _), other = inner.next_functions
    assert end.variable is x and other == (None, 0)


def test_tensor_hooks_see_and_change_gradients():
    x = leaf(1.0)
    h = x * 2
    seen = []
    h.register_hook(lambda g: seen.append(g.item()))
    handle = h.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    (h * 3).sum().backward(retain_graph=True)
    assert seen == [3.0] and x.grad.item() == 61.0
    handle.remove()
    x.grad = None
    (h * 3).sum().backward()
    assert x.grad.item() == 7.0


def test_node_hooks_and_post_accumulate_hooks():
    x = leaf(1.0)
    y = x * 2
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 2,))
    y.grad_fn.register_hook(lambda ins, outs: (ins[0] + 1, None))
    done = []
    x.register_post_accumulate_grad_hook(lambda p: done.append(p.grad.item()))
    y.sum().backward()
    assert x.grad.item() == 5.0 and done == [5.0]


def test_retain_grad():
    x = leaf(1.0)
    h = x * 2
    h.retain_grad()
    (h * h).sum().backward()
    assert h.retains_grad and h.grad.item() == 4.0


def test_frozen_weight_keeps_nothing():
    """A weight that wants no gradient does not keep the input alive."""
    x = rl.randn(4, 4)
    w = rl.randn(4, 4, requires_grad=True)
    h = w * 2
    seen = weakref.ref(x)
    y = h + x
    del x
    assert seen() is None and y.requires_grad


def test_graph_makes_no_cycles():
    gc.collect()
    gc.disable()
    try:
        x = rl.randn(8, requires_grad=True)
        y = (x.tanh() * x.exp()).softmax(0)[2:].sum()
        nodes = weakref.ref(y.grad_fn)
        y.backward()
        del y
        assert nodes() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("run", [True, False], ids=["differentiated", "dropped"])
def test_deep_graph_in_a_small_stack(run):
    """200,000 nodes are built, differentiated and dropped with 256 KiB of stack."""
    problems = []

    def work():
        try:
            x = leaf(1.0)
            y = x
            for _ in range(200_000):
                y = y + 1
            if run:
                y.backward(rl.ones(1))
                assert x.grad.item() == 1.0
            del y
        except BaseException as error:
            problems.append(error)

    old = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(old)
    assert not problems


# ---- writing in place ---------------------------------------------------------------------------


def test_leaf_may_not_be_changed_while_recording():
    x = leaf(1.0, 2.0)
    with pytest.raises(
        RuntimeError, match="a leaf Variable that requires grad is being used in an in-place"
    ):
        x.add_(1)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        x[0].zero_()
    with rl.no_grad():
        x.add_(1)
        x[0] = 7
    x.data += 1
    assert x.tolist() == [8.0, 4.0] and x.is_leaf


def test_overwritten_value_is_noticed():
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.add_(1)
    with pytest.raises(
        RuntimeError, match=r"modified by an inplace operation: \[torch.FloatTensor \[2\]\]"
    ):
        y.sum().backward()


def test_write_through_a_view_reaches_the_base():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    y[1:] *= 10
    y[0] = 5
    assert y.tolist() == [5.0, 20.0, 30.0] and "CopySlices" in repr(y)
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 10.0, 10.0]


def test_view_follows_its_base():
    x = leaf(1.0, 2.0)
    y = x * 1
    v = y[0]
    y.mul_(3)
    v.backward()
    assert x.grad.tolist() == [3.0, 0.0]


def test_outputs_of_split_refuse_writes():
    x = rl.ones(4, requires_grad=True) * 1
    a, _ = x.split(2)
    with pytest.raises(
        RuntimeError, match="Output 0 of SplitBackward0 is a view and is being modified"
    ):
        a.add_(1)


def test_in_place_refusals():
    x = rl.ones(3)
    with pytest.raises(
        RuntimeError, match=r"output with shape \[3\] doesn't match the broadcast shape \[2, 3\]"
    ):
        x.add_(rl.ones(2, 3))
    with pytest.raises(
        RuntimeError, match="result type Float can't be cast to the desired output type Long"
    ):
        rl.ones(3, dtype=rl.int64).add_(1.5)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        rl.ones(1).expand(3).add_(1)


def test_versions_are_shared_by_views():
    x = rl.zeros(4)
    v = x[1:]
    x.add_(1)
    assert v._version == x._version == 1
    v.mul_(2)
    assert x._version == 2 and x.detach()._version == 2 and x.data._version == 0


# ---- modes ---------------------------------------------------------------------------------------


def test_modes_as_blocks_and_decorators():
    x = leaf(1.0)
    with rl.no_grad():
        assert not (x * 2).requires_grad and not rl.is_grad_enabled()
        with rl.enable_grad():
            assert (x * 2).requires_grad
    with rl.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    with rl.inference_mode():
        assert not (x * 2).requires_grad and rl.is_inference_mode_enabled()

    @rl.no_grad()
    def f():
        return (x * 2).requires_grad

    @rl.no_grad
    def g():
        yield (x * 2).requires_grad
        yield (x * 2).requires_grad

    assert not f() and rl.is_grad_enabled()
    for inside in g():
        assert not inside and rl.is_grad_enabled()


def test_modes_belong_to_their_thread():
    x, seen = leaf(1.0), []
    with rl.no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


# ---- operations of one's own --------------------------------------------------------------------


class Cube(autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


class Exp(autograd.Function):
    @staticmethod
    def forward(x, times):
        return (x * times).exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.times = inputs[1]
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y * ctx.times, None


def test_functions_of_both_styles():
    x = rl.randn(3, dtype=DOUBLE, requires_grad=True)
    y = Cube.apply(x)
    assert type(y.grad_fn).__name__ == "CubeBackward"
    for f in (Cube.apply, lambda x: Exp.apply(x, 2.0)):
        assert autograd.gradcheck(f, [x]) and autograd.gradgradcheck(f, [x])


def test_function_with_several_outputs_and_missing_gradients():
    class Two(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_non_differentiable(marks := (x > 0))
            return x * 2, x * 3, marks

        @staticmethod
        def backward(ctx, a, b, _):
            assert b.tolist() == [0.0, 0.0]
            return a * 2 + b * 3

    x = leaf(1.0, -1.0)
    a, b, marks = Two.apply(x)
    a.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0] and not marks.requires_grad and b.requires_grad


def test_function_with_wrong_number_of_gradients():
    class Wrong(autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(
        RuntimeError, match=r"returned an incorrect number of gradients \(expected 2, got 1\)"
    ):
        Wrong.apply(leaf(1.0), leaf(2.0)).backward(rl.ones(1))


def test_gradcheck_finds_a_wrong_rule():
    class Wrong(Cube):
        @staticmethod
        def backward(ctx, g):
            return g * 2

    with pytest.raises(autograd.GradcheckError, match="Jacobian mismatch for output 0"):
        autograd.gradcheck(Wrong.apply, [rl.randn(3, dtype=DOUBLE, requires_grad=True)])


# ---- tensors as objects --------------------------------------------------------------------------


def test_copies_and_pickles_are_leaves_of_their_own():
    x = leaf(1.0, 2.0)
    x.grad = rl.ones(2)
    for y in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert (
            y.requires_grad
            and y.is_leaf
            and y.tolist() == x.tolist()
            and y.data_ptr() != x.data_ptr()
        )
    assert copy.deepcopy(x).grad.tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(x * 2)


def test_subclass_is_kept_and_sees_calls():
    calls = []

    class Seen(rl.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            calls.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs)

    x = rl.ones(2).as_subclass(Seen)
    y = (x + 1).tanh()
    assert type(y) is Seen and calls == ["add", "tanh"]


def test_requires_grad_rules():
    with pytest.raises(RuntimeError, match="only Tensors of floating point"):
        rl.ones(2, dtype=rl.int64).requires_grad_()
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf"):
        (leaf(1.0) * 2).requires_grad = False


def test_memory_of_saved_values_is_freed_by_backward():
    x = rl.randn(1000, requires_grad=True)
    h = x * 2
    y = h.exp()
    kept = weakref.ref(h)
    z = y.sum()
    del h, y
    z.backward()
    del z
    gc.collect()
    assert kept() is None and sys.getrefcount(x.array) < 10


def test_saved_tensor_hooks_pack_and_unpack():
    packed, x = [], leaf(1.0, 2.0)
    h = x * 1
    with autograd.graph.saved_tensors_hooks(
        lambda t: packed.append(t) or t.numpy() * 1, rl.from_numpy
    ):
        y = h * h + h.exp()
    assert len(packed) == 3
    y.sum().backward()
    assert x.grad.tolist() == pytest.approx([2 + np.e, 4 + np.e**2])
    with autograd.graph.save_on_cpu():
        (x * 1).exp().sum().backward()


def test_anomaly_mode_names_the_forward_line():
    x = leaf(-1.0)
    with (
        autograd.detect_anomaly(),
        pytest.warns(UserWarning, match="Error detected in SqrtBackward0(.|\n)*test_autograd"),
    ):
        y = x.sqrt()
        with pytest.raises(
            RuntimeError, match="Function 'SqrtBackward0' returned nan values in its 0th output"
        ):
            y.backward(rl.ones(1))


def test_numbers_wrap_and_promote():
    a = rl.tensor([100], dtype=rl.int8)
    assert (a + 100).tolist() == [-56] and (a + 300).dtype is rl.int8
    assert (rl.ones(2) * np.float64(2)).dtype is rl.float32
    assert (rl.ones(2, dtype=rl.int32) / 2).dtype is rl.float32
    assert (rl.ones(2) + rl.tensor(1.0, dtype=DOUBLE)).dtype is rl.float32
    assert (rl.ones(2, dtype=rl.float16) + rl.ones(2, dtype=rl.bfloat16)).dtype is rl.float32
    assert (rl.ones(2) + rl.tensor(1.0, dtype=DOUBLE)).dtype is rl.float32
    assert (rl.ones(2, dtype=rl.float16) + rl.ones(2, dtype=rl.bfloat16)).dtype is rl.float32


def test_saved_values_have_pytorchs_names():
    x, y = rl.ones(3, requires_grad=True), rl.full((3,), 2.0)
    made = (x * y).tanh()
    assert (made.grad_fn._saved_result == made).all()
    assert (made.grad_fn.next_functions[0][0]._saved_other == y).all()
    with pytest.raises(AttributeError):
        made.grad_fn._saved_weight


def test_an_interrupt_while_gradients_are_switched_does_no_harm():
    """Wherever it comes, no_grad holds afterwards, and switching on again is no error."""
    switch = modes._switch_grad.__code__

    def interrupted(on, at):
        lines = iter(range(at))

        def trace(frame, event, _):
            if frame.f_code is not switch:
                return None
            if event == "line" and next(lines, None) is None:
                raise KeyboardInterrupt
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            modes._switch_grad(on)
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
        return False

    x, seen = rl.ones(2, requires_grad=True), 0
    try:
        for on in (False, True):
            for at in range(5):
                rl.set_grad_enabled(not on)
                seen += interrupted(on, at)
                rl.set_grad_enabled(True)
                assert (x * 2).requires_grad
                with rl.no_grad():
                    assert not (x * 2).requires_grad
        assert seen >= 6
    finally:
        modes.no_grad_threads.clear()
