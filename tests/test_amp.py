"""autocast and GradScaler: which dtype each op runs in, and training with scaled gradients."""

import itertools

import numpy as np
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
    with pytest.raises(RuntimeError, match=r"same dtype|scalar type Double but found Float"):
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


def _attended(t):
    """Dtypes of attention with weights and a mask, and of masks that are not in the query's."""
    found, heads = [], t.nn.MultiheadAttention(8, 2, batch_first=True)
    x, q = t.ones(2, 5, 8), t.ones(1, 2, 5, 4)
    for mask in (None, t.zeros(5, 5), t.zeros(5, 5) > 0):
        with t.autocast("cpu", dtype=t.bfloat16):
            found += [str(m.dtype) for m in heads(x, x, x, attn_mask=mask)]
            made = t.nn.functional.scaled_dot_product_attention(q, q, q, attn_mask=mask)
            found.append(str(made.dtype))
    for kind, mask in (
        (t.bfloat16, t.float32), (t.float64, t.float32), (t.float32, t.bfloat16),
        (t.float32, t.float64), (t.float64, t.bfloat16), (t.float32, t.int64),
    ):  # fmt: skip
        given = q.to(kind)
        try:
            made = t.nn.functional.scaled_dot_product_attention(
                given, given, given, attn_mask=t.ones(5, 5).to(mask)
            )
            found.append(str(made.dtype))
        except RuntimeError as error:
            found.append(str(error).partition(" dtype")[0])
    return found


def test_attention_and_its_masks_are_in_the_dtypes_that_they_ask_for():
    made, refused = _attended(rl), "Expected attn_mask"
    assert made[:9] == ["torch.bfloat16"] * 9
    assert made[9:] == ["torch.bfloat16", "torch.float64", *[refused] * 4]


def test_attentions_dtypes_are_pytorchs():
    assert _attended(rl) == _attended(pytest.importorskip("torch"))


@pytest.mark.parametrize("kind", [rl.float16, rl.bfloat16])
@pytest.mark.parametrize("way", ["added", "expanded", "repeated", "gathered"])
def test_gradients_of_halves_are_added_up_in_float32(kind, way):
    """2048 + 1 is 2048 in float16."""
    b = rl.zeros(1, 3, dtype=kind, requires_grad=True)

    def step(x):
        made = {
            "added": lambda: x + b, "expanded": lambda: b.expand(5000, 3),
            "repeated": lambda: b.repeat(5000, 1),
            "gathered": lambda: b[rl.zeros(5000, dtype=rl.int64)],
        }[way]()  # fmt: skip
        made.float().sum().backward()

    x = rl.ones(5000, 3, dtype=kind)
    for run in (step, rl.compile(step)):
        b.grad = None
        run(x)
        assert (b.grad == rl.tensor(5000.0).to(kind)).all()


_NORMS = {
    "rms_norm": lambda F, x, w: F.rms_norm(x, (4,), w),
    "rms_norm, eps": lambda F, x, w: F.rms_norm(x, (4,), w, 0.5),
    "layer_norm": lambda F, x, w: F.layer_norm(x, (4,), w),
    "group_norm": lambda F, x, w: F.group_norm(x, 2, w),
    "batch_norm": lambda F, x, w: F.batch_norm(x, None, None, w, training=True),
    "instance_norm": lambda F, x, w: F.instance_norm(x, weight=w),
    "local_response_norm": lambda F, x, w: F.local_response_norm(x, 2),
}


def _normed(t, name, kind, weight):
    """The result, or the kind of error, and the weight's gradient."""
    x = t.linspace(-1, 2, 32).reshape(2, 4, 4).to(getattr(t, kind))
    w = t.linspace(1, 2, 4).to(getattr(t, weight)).requires_grad_()
    try:
        made = _NORMS[name](t.nn.functional, x, w)
    except RuntimeError:
        return ["RuntimeError"]
    if made.requires_grad:
        made.float().square().sum().backward()
    found = [made.detach()] if w.grad is None else [made.detach(), w.grad]
    return [(str(f.dtype), f.double().numpy()) for f in found]


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", _NORMS)
def test_a_norm_of_any_weights_is_in_the_inputs_dtype(name, kind):
    for weight in ("float32", kind):
        made = _normed(rl, name, kind, weight)
        if made != ["RuntimeError"]:
            assert made[0][0] == f"torch.{kind}"
            assert [m[0] for m in made[1:]] in ([], [f"torch.{weight}"])
        else:
            assert weight != kind == "float64"


@pytest.mark.filterwarnings("ignore:Mismatch dtype")
@pytest.mark.parametrize("name", _NORMS)
def test_norms_of_halves_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    kinds = ("float16", "bfloat16", "float32", "float64")
    for kind, weight in itertools.product(kinds, kinds):
        mine, theirs = _normed(rl, name, kind, weight), _normed(torch, name, kind, weight)
        for a, b in zip(mine, theirs, strict=True):
            assert a[0] == b[0], (kind, weight)
            if not isinstance(a, str):
                atol = 0.04 * abs(b[1]).max()
                np.testing.assert_allclose(a[1], b[1], rtol=0, atol=atol, err_msg=kind + weight)


# Of an encoder layer: options, whether it trains, whether gradients are wanted, a hook.
ENCODERS = [
    ({"batch_first": batch, "norm_first": norm, **more}, trains, wanted, hooked)
    for batch in (True, False)
    for norm in (True, False)
    for more in ({}, {"bias": False}, {"activation": "gelu"}, {"nhead": 1})
    for trains, wanted, hooked in (
        (False, False, False), (False, True, False), (True, False, False), (False, False, True),
    )
]  # fmt: skip


def encoded(lib, options, trains, wanted, hooked):
    lib.manual_seed(0)
    layer = lib.nn.TransformerEncoderLayer(
        **{"d_model": 8, "nhead": 2, "dim_feedforward": 16} | options
    )
    layer.train(trains)
    if hooked:
        layer.linear1.register_forward_hook(lambda *_: None)
    stack = lib.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).train(trains)
    x = lib.ones(2, 3, 8)
    with lib.set_grad_enabled(wanted), lib.autocast("cpu", dtype=lib.bfloat16):
        made = layer(x), layer(x.to(lib.bfloat16)), stack(x), layer(x[0])
    return [str(y.dtype) for y in made]


def test_an_encoder_layers_inference_gives_the_lower_dtype_where_pytorch_makes_one_call():
    for options, *how in ENCODERS:
        one_call = options["batch_first"] and how == [False, False, False]
        one_call = one_call and not {"bias", "nhead"} & set(options)
        dtypes = encoded(rl, options, *how)
        lower = "torch.bfloat16" if one_call else "torch.float32"
        assert [dtypes[0], dtypes[2], dtypes[3]] == [lower, lower, "torch.float32"], (options, how)


@pytest.mark.filterwarnings("ignore")
def test_an_encoder_layers_dtypes_are_pytorchs():
    torch = pytest.importorskip("torch")
    for case in ENCODERS:
        assert encoded(rl, *case) == encoded(torch, *case), case
