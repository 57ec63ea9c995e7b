"""Operations on int64 tensors that are one word of NumPy's go the written way, not the general."""

import numpy as np
import pytest

import rushlight as rl

WORDS = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
    "gcd": np.gcd, "lcm": np.lcm, "clamp_min": np.maximum, "bitwise_left_shift": np.left_shift,
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
def test_int64_tensors_go_the_written_way(name, monkeypatch):
    f = getattr(rl, name)
    x, y = rl.arange(12).view(3, 4), rl.arange(8).view(2, 4)[:, 1:].T[:, :1] % 3
    pairs = [(x, x + 1), (x[:, ::2], x[:1, 1::2]), (x.T, x.T % 3), (x[:, :3], y.T), (x[0, 0], x)]
    pairs += [(x[:0], x[:0]), (rl.tensor(3), rl.tensor(5))]
    assert f(x, x).shape == x.shape  # now it is written
    if "general" in f.__globals__:
        monkeypatch.setitem(f.__globals__, "general", None)  # nobody calls it
    for a, b in pairs:
        made, wanted = f(a, b), WORDS[name](a.numpy(), b.numpy())
        assert made.numpy().dtype == wanted.dtype and made.tolist() == wanted.tolist()


def test_other_dtypes_are_what_they_were():
    x = rl.arange(4)
    assert (x < x.int()).tolist() == [False] * 4
    assert (x <= 2).tolist() == [True, True, True, False]
    assert (x <= 1.5).tolist() == [True, True, False, False]
    assert (x.bool() & x.bool()).tolist() == [False, True, True, True]
    for wrong in (lambda: x.to(rl.complex64) < x.to(rl.complex64), lambda: x.float() & x.float()):
        with pytest.raises((NotImplementedError, RuntimeError)):
            wrong()
    with pytest.raises(RuntimeError, match="size of tensor"):
        _ = x < rl.arange(3)
