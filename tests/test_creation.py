"""Creation functions: dtypes, shared memory, sizes, order in memory, refusals that teach."""

import array

import numpy as np
import pytest

import rushlight as rl
from rushlight.utils import dlpack


@pytest.fixture
def default_float64():
    rl.set_default_dtype(rl.float64)
    yield
    rl.set_default_dtype(rl.float32)


INFERRED = [
    (3, "int64"),
    (3.0, "float32"),
    (True, "bool"),
    (1j, "complex64"),
    ([1, 2.5], "float32"),
    ([True, 1], "int64"),
    ([1, 2j], "complex64"),
    ([], "float32"),
    ([[], []], "float32"),
    ((1, 2), "int64"),
    (range(3), "int64"),
    (np.float64(1), "float64"),
    ([np.float64(1)], "float64"),
    ([1.0, np.float64(1)], "float64"),
    ([np.int8(1), np.int8(2)], "int8"),
    ([np.int8(1), 2.5], "float32"),
    (np.arange(3, dtype=np.uint16), "uint16"),
    ([rl.tensor(1, dtype=rl.int8)], "int8"),
    ([rl.tensor(1.0), 2], "float32"),
    (array.array("d", [1, 2]), "float32"),
]


@pytest.mark.parametrize("data, name", INFERRED)
def test_dtype_comes_from_the_data(data, name):
    assert rl.tensor(data).dtype is getattr(rl, name)


def test_default_dtype_is_that_of_floats(default_float64):
    assert rl.tensor(1.5).dtype is rl.float64
    assert rl.tensor([1.5]).dtype is rl.float64
    assert rl.zeros(2).dtype is rl.float64
    assert rl.arange(0, 1, 0.5).dtype is rl.float64
    assert rl.tensor(1j).dtype is rl.complex128


def test_given_dtype_wins():
    assert rl.tensor([1.9, -1.9], dtype=rl.int64).tolist() == [1, -1]
    assert rl.tensor([1, 0], dtype=rl.bool).tolist() == [True, False]
    assert rl.tensor(1.1, dtype=rl.bfloat16).item() == 1.1015625
    assert rl.tensor([1e6], dtype=rl.float16).tolist() == [float("inf")]
    assert rl.tensor(1e40).item() == float("inf")
    assert rl.tensor(-1, dtype=rl.uint8).item() == 255
    assert rl.tensor(2**63, dtype=rl.uint64).item() == 2**63


def test_tensor_copies():
    source = np.arange(3.0)
    made = rl.tensor(source)
    source[0] = 9
    assert made.tolist() == [0.0, 1.0, 2.0]
    with pytest.warns(UserWarning, match="To copy construct from a tensor"):
        again = rl.tensor(made)
    again[0] = 5
    assert made[0] == 0


def test_shared_memory():
    source = np.arange(6.0).reshape(2, 3)
    lent, same, cast = rl.from_numpy(source), rl.as_tensor(source), rl.as_tensor(source, rl.float32)
    source[0, 0] = 9
    assert lent[0, 0] == same[0, 0] == 9
    assert cast[0, 0] == 0
    assert rl.from_numpy(source.T).stride() == (1, 3)
    assert rl.as_tensor(lent) is lent
    assert rl.asarray(lent, copy=True) is not lent
    lent += 1
    assert source[0, 0] == 10


def test_buffers():
    memory = bytearray(b"abcdefgh")
    made = rl.frombuffer(memory, dtype=rl.uint8, count=2, offset=1)
    memory[1] = 0
    assert made.tolist() == [0, 99]


def test_dlpack():
    source = np.arange(4.0)
    made = dlpack.from_dlpack(source)
    source[1] = 8
    assert made.tolist() == [0.0, 8.0, 2.0, 3.0]
    assert np.from_dlpack(rl.arange(3)).tolist() == [0, 1, 2]
    with pytest.raises(BufferError, match=r"use tensor\.detach"):
        rl.ones(2, requires_grad=True).__dlpack__()


@pytest.mark.parametrize("make", [rl.zeros, rl.ones, rl.empty, rl.rand, rl.randn])
def test_sizes_come_in_every_form(make):
    for made in (
        make(2, 3),
        make((2, 3)),
        make([2, 3]),
        make(rl.Size([2, 3])),
        make(size=(2, 3)),
        make(np.int64(2), 3),
        make(rl.tensor(2), 3),
    ):
        assert tuple(made.shape) == (2, 3)
    assert tuple(make(()).shape) == ()
    assert make(2, dtype=rl.float64, requires_grad=True).requires_grad
    assert make(2, 3, device="meta").device.type == "meta"


def test_values():
    assert rl.full((2,), 7).tolist() == [7, 7]
    assert rl.full((2,), 7, dtype=rl.bfloat16).tolist() == [7.0, 7.0]
    assert rl.ones(2, dtype=rl.bfloat16).tolist() == [1.0, 1.0]
    assert rl.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert rl.arange(5, 1, -2).tolist() == [5, 3]
    assert rl.arange(2**24, 2**24 + 3, dtype=rl.float32).tolist() == [2.0**24, 2.0**24, 2.0**24 + 2]
    assert rl.linspace(0, 10, 5).tolist() == [0.0, 2.5, 5.0, 7.5, 10.0]
    assert rl.logspace(0, 2, 3).tolist() == [1.0, 10.0, 100.0]
    assert rl.tril_indices(2, 2).tolist() == [[0, 1, 1], [0, 0, 1]]
    assert rl.triu_indices(2, 2).tolist() == [[0, 0, 1], [0, 1, 1]]
    assert rl.vander(rl.tensor([2, 3])).tolist() == [[2, 1], [3, 1]]
    assert rl.cartesian_prod(rl.tensor([1, 2]), rl.tensor([3])).tolist() == [[1, 3], [2, 3]]
    assert rl.combinations(rl.tensor([1, 2, 3])).tolist() == [[1, 2], [1, 3], [2, 3]]
    a, b = rl.meshgrid(rl.arange(2), rl.arange(3), indexing="xy")
    assert a.tolist() == [[0, 1]] * 3
    assert b.tolist() == [[0, 0], [1, 1], [2, 2]]


def test_windows_by_their_formulas():
    n = np.arange(8)
    np.testing.assert_allclose(
        rl.hann_window(8, dtype=rl.float64).numpy(), np.sin(np.pi * n / 8) ** 2, atol=1e-15
    )
    np.testing.assert_allclose(
        rl.hamming_window(8, False, dtype=rl.float64).numpy(), np.hamming(8), atol=1e-14
    )
    np.testing.assert_allclose(
        rl.blackman_window(8, False, dtype=rl.float64).numpy(), np.blackman(8), atol=1e-14
    )
    np.testing.assert_allclose(
        rl.bartlett_window(9, False, dtype=rl.float64).numpy(), np.bartlett(9), atol=1e-15
    )
    np.testing.assert_allclose(
        rl.kaiser_window(9, False, 8.0, dtype=rl.float64).numpy(), np.kaiser(9, 8.0), atol=1e-12
    )


def test_like_forms_keep_dtype_device_and_memory_order():
    x = rl.zeros(3, 4, dtype=rl.int16).t()
    for made in (rl.zeros_like(x), rl.ones_like(x), rl.empty_like(x), rl.full_like(x, 2)):
        assert made.dtype is rl.int16
        assert tuple(made.shape) == (4, 3)
        assert made.stride() == x.stride()
    assert rl.ones_like(x, memory_format=rl.contiguous_format).stride() == (3, 1)
    assert rl.zeros_like(x, dtype=rl.float32, requires_grad=True).requires_grad
    assert rl.zeros_like(rl.empty(2, device="meta")).device.type == "meta"
    assert rl.empty(2, 3, 4, 5, memory_format=rl.channels_last).stride() == (60, 1, 15, 3)


def test_new_forms_take_after_their_tensor():
    x = rl.ones(2, dtype=rl.float64)
    assert x.new_zeros(3).dtype is x.new_tensor([1]).dtype is rl.float64
    assert x.new_full((2,), 3).tolist() == [3.0, 3.0]
    assert tuple(x.new_empty(2, 3).shape) == (2, 3)
    assert x.new([1, 2]).dtype is rl.float64


def test_out_is_filled_and_resized():
    out = rl.empty(1)
    assert rl.zeros(2, 3, out=out) is out
    assert tuple(out.shape) == (2, 3)
    counted = rl.empty(0, dtype=rl.int32)
    rl.arange(4, out=counted)
    assert counted.tolist() == [0, 1, 2, 3]


def test_the_old_constructors():
    assert tuple(rl.Tensor(2, 3).shape) == (2, 3)
    assert rl.Tensor([1, 2]).dtype is rl.float32
    assert rl.LongTensor([1, 2]).dtype is rl.int64
    assert isinstance(rl.ones(2), rl.FloatTensor)
    assert not isinstance(rl.ones(2), rl.LongTensor)
    assert repr(rl.FloatTensor) == "<class 'torch.FloatTensor'>"


def test_a_device_in_force_is_taken():
    with rl.device("meta"):
        assert rl.zeros(2).device.type == "meta"
        assert rl.tensor([1]).device.type == "meta"
    assert rl.zeros(2).device.type == "cpu"


def test_permutations_and_integers_reach_every_number():
    rl.manual_seed(0)
    assert sorted(rl.randperm(3000).tolist()) == list(range(3000))
    assert set(rl.randint(3, 6, (200,)).tolist()) == {3, 4, 5}


REFUSED = [
    (
        lambda: rl.tensor([[1, 2], [3]]),
        ValueError,
        r"expected sequence of length 2 at dim 1 \(got 1",
    ),
    (lambda: rl.tensor([[1, 2], 3]), TypeError, "not a sequence"),
    (lambda: rl.tensor("abc"), TypeError, r"new\(\): invalid data type 'str'"),
    (lambda: rl.tensor(["abc"]), ValueError, "too many dimensions 'str'"),
    (lambda: rl.tensor(None), RuntimeError, "Could not infer dtype of NoneType"),
    (lambda: rl.tensor({}), RuntimeError, "Could not infer dtype of dict"),
    (lambda: rl.tensor(2**63), ValueError, "Overflow when unpacking long long"),
    (lambda: rl.tensor(300, dtype=rl.uint8), RuntimeError, "cannot be converted to type uint8"),
    (lambda: rl.tensor(float("nan"), dtype=rl.int64), RuntimeError, "without overflow"),
    (lambda: rl.tensor(1j, dtype=rl.float32), TypeError, "must be real number, not complex"),
    (lambda: rl.tensor([1], requires_grad=True), RuntimeError, "Only Tensors of floating point"),
    (lambda: rl.tensor([1], dtype="int64"), TypeError, "must be torch.dtype, not str"),
    (lambda: rl.tensor([rl.ones(2)]), ValueError, "only one element tensors can be converted"),
    (lambda: rl.zeros(2.0), TypeError, r"zeros\(\): argument 'size' \(position 1\) must be tuple"),
    (lambda: rl.zeros(-1), RuntimeError, "zeros: Dimension size must be non-negative"),
    (lambda: rl.ones(-1), RuntimeError, "Trying to create tensor with negative dimension -1"),
    (lambda: rl.zeros(2, foo=1), TypeError, "got an unexpected keyword argument 'foo'"),
    (lambda: rl.full((2,), "a"), TypeError, "must be Number, not str"),
    (lambda: rl.arange(1, 5, 0), RuntimeError, "step must be nonzero"),
    (lambda: rl.arange(5, 1), RuntimeError, "upper bound and lower bound inconsistent"),
    (lambda: rl.arange(float("inf")), RuntimeError, "unsupported range"),
    (lambda: rl.linspace(0, 1, -1), RuntimeError, "number of steps must be non-negative"),
    (lambda: rl.eye(-1), RuntimeError, "n must be greater or equal to 0"),
    (lambda: rl.from_numpy([1]), TypeError, r"expected np.ndarray \(got list\)"),
    (lambda: rl.from_numpy(np.arange(3)[::-1]), ValueError, "At least one stride .* is negative"),
    (
        lambda: rl.from_numpy(np.array(["a"])),
        TypeError,
        "can't convert np.ndarray of type numpy.str_",
    ),
    (lambda: rl.from_numpy(np.ones(1, ">f4")), ValueError, "byte order different from the native"),
    (
        lambda: rl.empty(2, 3, memory_format=rl.channels_last),
        RuntimeError,
        "required rank 4 tensor",
    ),
    (lambda: rl.zeros(2, pin_memory=True), RuntimeError, "pin_memory=True requires a CUDA"),
    (lambda: rl.hann_window(-1), RuntimeError, "requires non-negative window_length"),
    (lambda: rl.Tensor(3.5), TypeError, r"new\(\): data must be a sequence \(got float\)"),
    (lambda: rl.asarray([1], copy=False), ValueError, "can't alias arbitrary sequence"),
    (lambda: rl.meshgrid(rl.ones(2), rl.arange(2), indexing="ij"), RuntimeError, "the same dtype"),
]


@pytest.mark.parametrize("call, kind, sentence", REFUSED)
def test_refusals_are_pytorchs(call, kind, sentence):
    with pytest.raises(kind, match=sentence):
        call()


def test_read_only_memory_is_announced():
    with pytest.warns(UserWarning, match="The given NumPy array is not writable"):
        rl.from_numpy(np.broadcast_to(np.float32(1), (3,)))


def test_strides_of_sizes_0_and_1_are_pytorchs():
    x = rl.zeros(3, 4)
    assert x[None].stride() == (12, 4, 1) and x[:, None].stride() == (4, 4, 1)
    assert x[..., None].stride() == (4, 1, 1) and x.t()[None].stride() == (4, 1, 4)
    assert x[None].expand(5, 3, 4).stride() == (0, 4, 1)
    assert rl.zeros(3, 0).stride() == (1, 1) and rl.empty(2, 0, 3).stride() == (3, 3, 1)
