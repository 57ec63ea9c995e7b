"""Random numbers: PyTorch's for the same seed, by recorded values, and the generator's rules."""

import copy
import pickle
import threading
import zlib

import numpy as np
import pytest

import rushlight as rl
from rushlight._core import rng
from rushlight.random import fork_rng
from rushlight.utils.data import DataLoader

# CRC-32 of the bytes that PyTorch 2.13 drew after manual_seed(123456), one stream a line.
RECORDED = {
    "rand": (lambda m: m.rand(1001), 1186855539),
    "rand float64": (lambda m: m.rand(1001, dtype=m.float64), 1567195361),
    "rand bfloat16": (lambda m: m.rand(1001, dtype=m.bfloat16), 460596204),
    "rand float16": (lambda m: m.rand(1001, dtype=m.float16), 1812099874),
    "randn few": (lambda m: m.randn(7), 3377348456),
    "randn": (lambda m: m.randn(1001), 2271270450),
    "randn float16": (lambda m: m.randn(1001, dtype=m.float16), 275130025),
    "randn complex": (lambda m: m.randn(33, dtype=m.complex64), 1318799276),
    "randint": (lambda m: m.randint(0, 10, (1001,)), 2617035746),
    "randint wide": (lambda m: m.randint(-5, 2**40, (1001,)), 603431254),
    "randperm short": (lambda m: m.randperm(500), 826280266),
    "randperm long": (lambda m: m.randperm(5000), 1728577269),
    "bernoulli": (lambda m: m.bernoulli(m.linspace(0, 1, 1001)), 164785819),
    "bernoulli_": (lambda m: m.empty(1001).bernoulli_(0.3), 3103410694),
    "uniform_": (lambda m: m.empty(1001).uniform_(-0.3, 0.6), 1995773925),
    "normal_": (lambda m: m.empty(1001).normal_(0.3, 0.6), 844033043),
    "exponential_": (lambda m: m.empty(1001).exponential_(2.5), 3834064770),
    "geometric_": (lambda m: m.empty(1001).geometric_(0.3), 1433203032),
    "cauchy_": (lambda m: m.empty(1001).cauchy_(0.3, 0.6), 3781685611),
    "log_normal_": (lambda m: m.empty(1001).log_normal_(0.3, 0.6), 1275301870),
    "random_": (lambda m: m.empty(1001).random_(), 3672215195),
    "multinomial": (lambda m: m.multinomial(m.linspace(0.1, 1, 50), 20), 112821331),
    "multinomial again": (lambda m: m.multinomial(m.linspace(0.1, 1, 50), 200, True), 3810812846),
    "poisson": (lambda m: m.poisson(m.linspace(0, 30, 301)), 1436088051),
}


@pytest.mark.parametrize("name", RECORDED)
def test_draws_are_the_recorded_ones(name):
    draw, expected = RECORDED[name]
    rl.manual_seed(123456)
    assert zlib.crc32(draw(rl).array.tobytes()) == expected


def test_first_numbers_after_seed_0():
    rl.manual_seed(0)
    assert rl.rand(2).tolist() == [0.49625658988952637, 0.7682217955589294]
    rl.manual_seed(0)
    assert rl.randn(16)[:2].tolist() == [-1.1258398294448853, -1.152360200881958]
    rl.manual_seed(0)
    assert rl.randperm(8).tolist() == [4, 0, 7, 3, 2, 5, 1, 6]


def test_dropout_draws_53_bits_an_element():
    rl.manual_seed(0)
    dropped = rl.nn.functional.dropout(rl.ones(10), 0.5)
    assert dropped.tolist() == [0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 2.0]


def test_state_is_pytorchs_5056_bytes():
    rl.manual_seed(0)
    rl.randn(3)
    state = rl.get_rng_state()
    assert state.dtype is rl.uint8
    assert tuple(state.shape) == (5056,)
    assert zlib.crc32(state.array.tobytes()) == 932786199


@pytest.mark.parametrize("drawn", [0, 1, 3, 623, 624, 625])
def test_state_continues_the_stream(drawn):
    rl.manual_seed(5)
    rl.rand(drawn)
    rl.randn(1)  # leaves the second of a pair behind
    state = rl.get_rng_state()
    expected = rl.randn(5).tolist()
    rl.manual_seed(99)
    rl.set_rng_state(state)
    assert rl.randn(5).tolist() == expected


def test_generators_are_independent_and_seeded_alike():
    a, b = rl.Generator(), rl.Generator().manual_seed(3)
    assert a.initial_seed() == 67280421310721
    rl.manual_seed(3)
    first = rl.rand(4).tolist()
    assert rl.rand(4, generator=b).tolist() == first
    assert rl.rand(4, generator=b).tolist() != first


def test_generator_copies_and_pickles():
    g = rl.Generator().manual_seed(1)
    rl.rand(3, generator=g)
    twins = [copy.deepcopy(g), pickle.loads(pickle.dumps(g)), g.clone_state()]
    expected = rl.rand(5, generator=g).tolist()
    assert [rl.rand(5, generator=t).tolist() for t in twins] == [expected] * 3


def test_negative_seed_counts_from_2_to_the_64():
    assert rl.Generator().manual_seed(-1).initial_seed() == 2**64 - 1


@pytest.mark.parametrize("seed", [1.5, "a", True, None])
def test_generator_seed_is_an_integer(seed):
    with pytest.raises(RuntimeError, match="manual_seed expected a long, but got"):
        rl.Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seed_has_64_bits(seed):
    with pytest.raises(ValueError, match="Overflow when unpacking long long"):
        rl.manual_seed(seed)


def test_bad_states_are_refused():
    with pytest.raises(TypeError, match=r"RNG state must be a torch\.ByteTensor"):
        rl.set_rng_state(rl.zeros(5056))
    with pytest.raises(RuntimeError, match="Expected a CPUGeneratorImplState of size 5056"):
        rl.set_rng_state(rl.zeros(3, dtype=rl.uint8))
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        rl.set_rng_state(rl.zeros(5056, dtype=rl.uint8))


def test_fork_leaves_no_trace():
    rl.manual_seed(7)
    expected = rl.rand(3).tolist()
    rl.manual_seed(7)
    with fork_rng():
        rl.manual_seed(1)
        rl.rand(100)
    assert rl.rand(3).tolist() == expected


def test_a_thread_may_have_a_stream_of_its_own():
    rl.manual_seed(7)
    expected = rl.rand(3).tolist()
    rl.manual_seed(7)
    own = rl.Generator().manual_seed(1)

    def work():
        with rng.using(own):
            rl.rand(10)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert rl.rand(3).tolist() == expected


def test_loader_shuffles_as_pytorch():
    rl.manual_seed(0)
    order = [int(x) for x in DataLoader(list(range(8)), shuffle=True)]
    assert order == [2, 0, 5, 3, 1, 4, 7, 6]


def test_draws_follow_memory_order():
    rl.manual_seed(3)
    plain = rl.empty(4, 6).uniform_()
    rl.manual_seed(3)
    turned = rl.empty(6, 4).t().uniform_()
    assert turned.t().tolist() == plain.reshape(6, 4).tolist()


def test_meta_draws_nothing():
    rl.manual_seed(3)
    before = rl.get_rng_state().tolist()
    assert rl.rand(2, 3, device="meta").device.type == "meta"
    assert rl.get_rng_state().tolist() == before


def test_overwriting_an_intermediate_result_cuts_its_gradient():
    leaf = rl.ones(3, requires_grad=True)
    x = leaf * 2
    x.normal_()
    assert type(x.grad_fn).__name__ == "NormalBackward0"
    x.sum().backward()
    assert leaf.grad.tolist() == [0.0, 0.0, 0.0]


def test_leaf_that_requires_grad_is_not_overwritten():
    x = rl.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used"):
        x.uniform_()
    with rl.no_grad():
        version = x._version
        x.uniform_(-1, 1)
    assert x._version == version + 1


REFUSED = [
    (lambda: rl.empty(2).uniform_(2, 1), RuntimeError, "uniform_ expects to return a"),
    (lambda: rl.empty(2).uniform_(0, 1e39), RuntimeError, "to is out of bounds for float"),
    (lambda: rl.empty(2).normal_(0, -1), RuntimeError, "normal expects std >= 0.0"),
    (lambda: rl.empty(2).bernoulli_(1.5), RuntimeError, "bernoulli_ expects p to be in"),
    (lambda: rl.empty(2).geometric_(0), RuntimeError, "geometric_ expects p to be in"),
    (lambda: rl.empty(2).exponential_(-1), RuntimeError, "exponential_ expects lambda > 0.0"),
    (lambda: rl.randint(5, 2, (2,)), RuntimeError, "random_ expects 'from' to be less than 'to'"),
    (lambda: rl.randint(0, 300, (2,), dtype=rl.uint8), RuntimeError, "to - 1 is out of bounds"),
    (lambda: rl.rand(2, dtype=rl.int64), NotImplementedError, "check_uniform_bounds"),
    (lambda: rl.randn(2, dtype=rl.int64), NotImplementedError, "normal_kernel_cpu"),
    (lambda: rl.rand(2, -1), RuntimeError, "Trying to create tensor with negative dimension"),
    (lambda: rl.rand(2, generator=1), TypeError, "must be torch.Generator"),
    (lambda: rl.multinomial(rl.ones(3), 4), RuntimeError, "cannot sample n_sample > prob_dist"),
    (lambda: rl.multinomial(rl.zeros(3), 1), RuntimeError, "invalid multinomial distribution"),
    (lambda: rl.multinomial(rl.tensor([1]), 1), RuntimeError, "only supports floating-point"),
    (lambda: rl.poisson(-rl.ones(2)), RuntimeError, "invalid Poisson rate"),
    (lambda: rl.normal(0.0, 1.0), TypeError, "normal\\(\\) received an invalid combination"),
    (lambda: rl.nn.functional.dropout(rl.ones(2), 2.0), ValueError, "dropout probability has to"),
]


@pytest.mark.parametrize("call, kind, sentence", REFUSED)
def test_refusals_are_pytorchs(call, kind, sentence):
    with pytest.raises(kind, match=sentence):
        call()


def test_moments_are_right():
    rl.manual_seed(0)
    x = rl.randn(200_000).numpy()
    assert abs(x.mean()) < 0.01
    assert abs(x.std() - 1) < 0.01
    u = rl.rand(200_000).numpy()
    assert abs(u.mean() - 0.5) < 0.005
    assert np.all((u >= 0) & (u < 1))
