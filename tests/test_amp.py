"""autocast and GradScaler: which dtype each op runs in, and training with scaled gradients."""

import pytest

import rushlight as rl
from rushlight import nn


def test_contractions_run_lower_and_losses_in_float32():
    net, x, y = nn.Linear(4, 3), rl.randn(2, 4), rl.tensor([0, 2])
    with rl.autocast("cpu"):
        assert rl.is_autocast_enabled()
        out = net(x)
        assert out.dtype is rl.bfloat16 and (x @ x.t()).dtype is rl.bfloat16
        assert (x + 1).dtype is rl.float32 and out.exp().dtype is rl.bfloat16
        loss = nn.functional.cross_entropy(out, y)
        assert loss.dtype is rl.float32
        with rl.autocast("cpu", enabled=False):
            assert net(x).dtype is rl.float32
    loss.backward()
    assert net.weight.grad.dtype is rl.float32 and not rl.is_autocast_enabled()


def test_autocast_dtypes_are_pytorchs():
    torch = pytest.importorskip("torch")

    def found(lib):
        f = lib.nn.functional
        x, w, i = lib.ones(2, 3), lib.ones(4, 3), lib.ones(1, 1, 4, 4)
        t = lib.tensor([0, 1])
        with lib.autocast("cpu", dtype=lib.bfloat16):
            h = f.linear(x, w)
            made = [
                h, x @ w.t(), lib.mm(x, w.t()), lib.bmm(x[None], w.t()[None]), h + x.sum(),
                h.softmax(-1), h.log_softmax(-1), f.layer_norm(h, (4,)), h.exp(), h**2, f.relu(h),
                h.sum(), h.mean(), f.mse_loss(h, h), f.l1_loss(h, h), f.cross_entropy(h, t),
                f.nll_loss(h, t), f.conv2d(i, i), f.max_pool2d(i, 2), lib.cat([h, h]), f.gelu(h),
                lib.einsum("ij,kj->ik", x, w), f.smooth_l1_loss(h, h),
                f.binary_cross_entropy_with_logits(h, h.float()),
            ]  # fmt: skip
        return [str(v.dtype) for v in made]

    differ = [(i, a, b) for i, (a, b) in enumerate(zip(found(rl), found(torch))) if a != b]
    assert not differ


def test_decorated_function():
    @rl.autocast("cpu")
    def f(x):
        return x @ x

    assert f(rl.ones(2, 2)).dtype is rl.bfloat16


def test_scaler_steps_skips_and_adapts():
    net = nn.Linear(2, 1)
    optimizer = rl.optim.SGD(net.parameters(), lr=0.1)
    scaler = rl.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
    before = net.weight.detach().clone()
    for factor in (1.0, float("inf"), 1.0, 1.0):
        optimizer.zero_grad()
        scaler.scale(net(rl.ones(1, 2)).sum() * factor).backward()
        scaler.step(optimizer)
        scaler.update()
    assert scaler.get_scale() == 1024.0 and rl.allclose(net.weight, before - 0.3)
    other = rl.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()
    with pytest.raises(RuntimeError, match="No inf checks were recorded prior to update"):
        other.update()


@pytest.mark.parametrize("norm", [nn.LayerNorm(8), nn.GroupNorm(2, 8), nn.BatchNorm1d(8)])
def test_norms_of_float32_weights_take_halves(norm):
    net = nn.Sequential(nn.Linear(4, 8), norm)
    with rl.autocast("cpu", dtype=rl.bfloat16):
        made = net(rl.arange(12.0).reshape(3, 4))
    made.float().square().sum().backward()
    assert made.dtype is rl.bfloat16 and norm.weight.grad.dtype is rl.float32
    with pytest.raises(RuntimeError, match="expected m1 and m2 to have the same dtype"):
        norm(rl.ones(3, 8, dtype=rl.float64))


def test_convolutions_in_a_row_take_halves():
    """The second one gets bfloat16 and has float32 weights: autocast converts them."""
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 2), nn.ConvTranspose2d(4, 2, 2)
    )
    x = rl.randn(2, 3, 7, 7)
    with rl.autocast("cpu", dtype=rl.bfloat16):
        made = net(x)
    assert made.dtype is rl.bfloat16
    made.float().sum().backward()
    assert all(p.grad is not None and p.grad.dtype is rl.float32 for p in net.parameters())
    with pytest.raises(RuntimeError, match="should be the same"):
        net[2](rl.randn(1, 4, 5, 5).bfloat16())


OLDER = [
    ("get_autocast_gpu_dtype", ()),
    ("get_autocast_cpu_dtype", ()),
    ("is_autocast_cpu_enabled", ()),
    ("set_autocast_cpu_enabled", (False,)),
]


@pytest.mark.parametrize(("name", "given"), OLDER)
def test_older_names_say_which_are_newer(name, given):
    newer = name.replace("_gpu", "").replace("_cpu", "")
    device = "cuda" if "gpu" in name else "cpu"
    with pytest.warns(DeprecationWarning, match=f"torch.{newer}\\('{device}'") as seen:
        made = getattr(rl, name)(*given)
    assert made == getattr(rl, newer)(device, *given)
    torch = pytest.importorskip("torch")
    with pytest.warns(DeprecationWarning) as theirs:
        getattr(torch, name)(*given)
    texts = [str(w.message).partition(" (Triggered")[0] for w in theirs]
    assert [str(w.message) for w in seen] == texts


def test_older_names_set_the_lower_dtype():
    with pytest.warns(DeprecationWarning, match="set_autocast_dtype\\('cpu', dtype\\)"):
        rl.set_autocast_cpu_dtype(rl.float16)
    try:
        assert rl.get_autocast_dtype("cpu") is rl.float16
    finally:
        rl.set_autocast_dtype("cpu", rl.bfloat16)
    with pytest.warns(DeprecationWarning, match="set_autocast_dtype\\('cuda', dtype\\)"):
        rl.set_autocast_gpu_dtype(dtype=rl.float16)
    assert rl.get_autocast_dtype("cuda") is rl.float16


def test_attention_and_prelu_take_mixed_dtypes():
    q, x = rl.randn(1, 2, 5, 4), rl.randn(3, 4)
    low, slope = q.bfloat16(), rl.rand(1, requires_grad=True)
    with rl.autocast("cpu", dtype=rl.bfloat16):
        assert nn.functional.scaled_dot_product_attention(low, q, q).dtype is rl.bfloat16
        for each in (x, x.bfloat16()):
            made = nn.functional.prelu(each, slope)
            assert made.dtype is rl.bfloat16
            made.float().sum().backward()
    assert slope.grad.dtype is rl.float32
    with pytest.raises(RuntimeError, match="to have the same dtype"):
        nn.functional.scaled_dot_product_attention(low, q, q)
