"""Names at the top of the package that live elsewhere, and rarer methods."""

import copy
import hashlib
import pickle
import subprocess
import sys

import numpy as np
import pytest

import rushlight as rl
from rushlight._homes import HOMES


def test_every_name_of_the_table_has_a_home():
    for name in HOMES:
        assert callable(getattr(rl, name)), name


def test_asking_for_them_is_what_loads_layers():
    code = (
        "import sys, rushlight; a = 'rushlight.nn.modules' in sys.modules; rushlight.conv1d; "
        "b = 'rushlight.nn' in sys.modules; print(a, b)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split()[1] == "True"


def test_functions_that_write_in_place():
    x = rl.tensor([1.0, -2.0])
    assert rl.relu_(x) is x and x.tolist() == [1.0, 0.0]
    assert rl.exp_(rl.zeros(1)).tolist() == [1.0]
    assert rl.zero_(x).tolist() == [0.0, 0.0]


def test_norms_in_their_older_order():
    x, weight = rl.arange(12.0).reshape(2, 6), rl.full((6,), 2.0)
    f = rl.nn.functional
    rl.testing.assert_close(rl.layer_norm(x, (6,), weight), f.layer_norm(x, (6,), weight))
    got = rl.batch_norm(x, weight, None, rl.zeros(6), rl.ones(6), False, 0.1, 1e-5, False)
    rl.testing.assert_close(got, f.batch_norm(x, rl.zeros(6), rl.ones(6), weight))
    rl.testing.assert_close(rl.group_norm(x, 2), f.group_norm(x, 2))


def test_losses_take_their_reduction_as_a_number():
    x, y = rl.tensor([0.5, -1.0]), rl.tensor([1.0, 0.0])
    for number, name in enumerate(("none", "mean", "sum")):
        wanted = rl.nn.functional.binary_cross_entropy_with_logits(x, y, reduction=name)
        rl.testing.assert_close(
            rl.binary_cross_entropy_with_logits(x, y, None, None, number), wanted
        )
    with pytest.raises(ValueError, match=r"0 .none., 1 .mean. or 2"):
        rl.binary_cross_entropy_with_logits(x, y, None, None, 3)


def test_low_rank_factors():
    rl.manual_seed(0)
    a = rl.rand(20, 4) @ rl.rand(4, 30)
    u, s, v = rl.svd_lowrank(a, q=6)
    rl.testing.assert_close(u @ s.diag() @ v.mT, a, rtol=1e-3, atol=1e-3)
    u, s, v = rl.pca_lowrank(a, q=4)
    rl.testing.assert_close(u @ s.diag() @ v.mT, a - a.mean(0), rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match=r"q.=50. must be non-negative"):
        rl.pca_lowrank(a, q=50)


def test_places():
    x = rl.tensor([[0, 1], [2, 0]])
    assert x.nonzero_static(size=3).tolist() == [[0, 1], [1, 0], [-1, -1]]
    rows, columns = rl.unravel_index(rl.tensor([0, 3, 5]), (2, 3))
    assert (rows.tolist(), columns.tolist()) == ([0, 1, 1], [0, 0, 2])


def test_elements_through_a_function():
    x = rl.tensor([1.0, 2.0])
    assert x.map_(rl.tensor([3.0]), lambda a, b: a * b).tolist() == [3.0, 6.0]
    assert x.map2_(rl.ones(2), rl.ones(2), lambda a, b, c: a + b + c).tolist() == [5.0, 8.0]
    assert x.apply_(lambda a: a + 1).tolist() == [6.0, 9.0]
    with pytest.raises(TypeError, match="requires grad"):
        rl.ones(1, requires_grad=True).map_(x, max)


def test_module_load():
    x = rl.zeros(2, requires_grad=True)
    assert x.module_load(rl.ones(2)).tolist() == [1.0, 1.0] and x.tolist() == [1.0, 1.0]
    y = rl.ones(2)
    assert x.module_load(y, assign=True).data_ptr() == y.data_ptr()


@pytest.mark.parametrize("turned", [False, True], ids=["in order", "turned"])
def test_writes_through_strided_views_are_differentiated(turned):
    x = rl.arange(12.0).reshape(3, 4).requires_grad_()
    made = (x.t() if turned else x).clone()  # a clone keeps the order in memory
    made.as_strided((2, 3), (5, 1), 1).mul_(2)
    (made * made).sum().backward()
    factor = rl.tensor([[1.0, 4, 4, 4], [1, 1, 4, 4], [4, 1, 1, 1]])
    assert rl.equal(x.grad, 2 * x.detach() * factor)


def test_writes_through_unfolded_views_are_differentiated():
    x = rl.arange(10.0).reshape(2, 5).requires_grad_()
    made = x.clone()
    made.unfold(1, 2, 3).mul_(3)
    made.sum().backward()
    assert x.grad.tolist() == [[3, 3, 1, 3, 3]] * 2


def test_put_is_the_function_of_its_name():
    x = rl.zeros(2, 3)
    made = x.put(rl.tensor([1, 4, 4]), rl.tensor([5.0, 6, 1]), accumulate=True)
    assert made.tolist() == [[0, 5, 0], [0, 7, 0]] and not x.any()


def test_index_reduce_and_as_strided_scatter():
    x, places = rl.ones(3, 2), rl.tensor([0, 2, 0])
    source = rl.arange(6.0).reshape(3, 2)
    assert x.index_reduce(0, places, source, "amax").tolist() == [[4, 5], [1, 1], [2, 3]]
    made = rl.zeros(4, requires_grad=True).as_strided_scatter(rl.ones(2), (2,), (2,), 1)
    assert made.tolist() == [0.0, 1.0, 0.0, 1.0]


def test_swapped_tensors_keep_their_names():
    a, b = rl.nn.Parameter(rl.ones(2)), rl.zeros(3)
    a.note, ref = "mine", a
    a.grad = rl.full((2,), 5.0)
    rl.utils.swap_tensors(a, b)
    assert ref is a and type(a) is rl.Tensor and a.tolist() == [0.0, 0.0, 0.0]
    assert type(b) is rl.nn.Parameter and b.note == "mine" and b.grad.tolist() == [5.0, 5.0]
    assert b.requires_grad and not a.requires_grad
    with pytest.raises(RuntimeError, match="t2"):
        rl.utils.swap_tensors(a, b * 2)


def test_named_results_have_a_room():
    assert type(rl.ones(2, 2).max(0)) is rl.return_types.max
    with pytest.raises(AttributeError, match="return_types"):
        rl.return_types.nothing


def test_anomaly_mode_by_its_switch():
    rl.set_anomaly_enabled(True, False)
    assert rl.is_anomaly_enabled() and not rl.is_anomaly_check_nan_enabled()
    rl.set_anomaly_enabled(False)
    assert not rl.is_anomaly_enabled()


def test_storages_and_layouts():
    assert rl.is_storage(rl.ones(1).untyped_storage()) and not rl.is_storage(rl.ones(1))
    assert repr(rl.jagged) == "torch.jagged"


@pytest.fixture
def weights(tmp_path):
    """A state dict in a file whose name tells its hash, and its URL."""
    rl.save({"w": rl.arange(3.0)}, tmp_path / "net.pt")
    content = (tmp_path / "net.pt").read_bytes()
    named = tmp_path / f"net-{hashlib.sha256(content).hexdigest()[:8]}.pt"
    named.write_bytes(content)
    return named.as_uri()


def test_weights_from_a_url(weights, tmp_path, capsys):
    cache = tmp_path / "cache"
    options = {"model_dir": str(cache), "check_hash": True, "progress": False}
    found = rl.hub.load_state_dict_from_url(weights, **options)
    assert found["w"].tolist() == [0.0, 1.0, 2.0]
    assert "Downloading" in capsys.readouterr().err
    rl.hub.load_state_dict_from_url(weights, **options)  # from the cache now
    assert capsys.readouterr().err == ""
    assert [path.name for path in cache.iterdir()] == [weights.rsplit("/", 1)[1]]


def test_weights_with_another_hash_are_refused(weights, tmp_path):
    wrong = {"file_name": "net-00000000.pt", "check_hash": True, "progress": False}
    with pytest.raises(RuntimeError, match="invalid hash value"):
        rl.hub.load_state_dict_from_url(weights, model_dir=str(tmp_path / "cache"), **wrong)
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert rl.hub.get_dir() == str(tmp_path / "hub")
    with pytest.raises(RuntimeError, match="load_state_dict_from_url"):
        rl.hub.load("some/repo", "net")


PARITY = {
    "conv1d": lambda t, x: t.conv1d(x.reshape(1, 2, 6), x.reshape(3, 2, 2), None, 2),
    "conv_transpose1d": lambda t, x: t.conv_transpose1d(x.reshape(1, 2, 6), x.reshape(2, 3, 2)),
    "max_pool1d": lambda t, x: t.max_pool1d(x.reshape(1, 2, 6), 2),
    "avg_pool1d": lambda t, x: t.avg_pool1d(x.reshape(1, 2, 6), 2),
    "layer_norm": lambda t, x: t.layer_norm(x.reshape(2, 6), [6], eps=0.1),
    "group_norm": lambda t, x: t.group_norm(x.reshape(2, 6), 3),
    "instance_norm": lambda t, x: t.instance_norm(
        x.reshape(1, 2, 6), None, None, None, None, True, 0.1, 1e-5, False
    ),
    "batch_norm": lambda t, x: t.batch_norm(
        x.reshape(2, 6), None, t.ones(6), t.zeros(6), t.ones(6), True, 0.1, 1e-5, False
    ),
    "kl_div": lambda t, x: t.kl_div(x.reshape(2, 6), x.reshape(2, 6).abs() + 1),
    "kl_div summed": lambda t, x: t.kl_div(x, x, 2, log_target=True),
    "cosine_embedding_loss": lambda t, x: t.cosine_embedding_loss(
        x.reshape(2, 6), x.reshape(2, 6).flip(1), t.tensor([1, -1]), 0.1
    ),
    "hinge_embedding_loss": lambda t, x: t.hinge_embedding_loss(x, x.sign(), 0.5, 2),
    "margin_ranking_loss": lambda t, x: t.margin_ranking_loss(x, x.flip(0), x.sign()),
    "triplet_margin_loss": lambda t, x: t.triplet_margin_loss(x, x + 1, x.flip(0)),
    "poisson_nll_loss": lambda t, x: t.poisson_nll_loss(x, x.abs(), True, False, 1e-8, 1),
    "pairwise_distance": lambda t, x: t.pairwise_distance(x.reshape(2, 6), x.reshape(2, 6).flip(0)),
    "cosine_similarity": lambda t, x: t.cosine_similarity(x.reshape(2, 6), x.reshape(2, 6) + 1),
    "pdist": lambda t, x: t.pdist(x.reshape(3, 4)),
    "index_reduce mean": lambda t, x: x.reshape(3, 4).index_reduce(
        1, t.tensor([0, 0, 2]), x.reshape(4, 3)[:3], "mean", include_self=False
    ),
    "index_reduce prod": lambda t, x: t.index_reduce(
        x.reshape(3, 4), 0, t.tensor([2, 2]), x.reshape(6, 2)[:2].repeat(1, 2), "prod"
    ),
    "nonzero_static": lambda t, x: t.nonzero_static(x.reshape(3, 4) > 1, size=9),
    "unravel_index": lambda t, x: t.stack(t.unravel_index(t.arange(0, 24, 5), (2, 3, 4))),
    "as_strided_scatter": lambda t, x: t.as_strided_scatter(x, t.ones(2, 2), (2, 2), (4, 1), 1),
    "adjoint": lambda t, x: t.adjoint(x.reshape(3, 4)),
    "narrow_copy": lambda t, x: t.narrow_copy(x, 0, 1, 4),
}


@pytest.mark.filterwarnings("ignore:index_reduce")
@pytest.mark.parametrize("name", PARITY)
def test_against_pytorch(name):
    torch = pytest.importorskip("torch")
    values = np.linspace(-2.0, 2.5, 12, dtype="f4")
    ours, theirs = PARITY[name](rl, rl.tensor(values)), PARITY[name](torch, torch.tensor(values))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-5, atol=1e-6)


def test_copies_of_dtypes_and_devices_are_themselves() -> None:
    for one in (rl.bfloat16, rl.bool, rl.device("cpu"), rl.device("cuda:1")):
        assert copy.copy(one) is one
        assert copy.deepcopy([one])[0] is one
        assert pickle.loads(pickle.dumps(one)) is one
