"""Mistakes with modules are explained: PyTorch's error first, then where and what to do."""

import warnings

import pytest

import rushlight as torch
from rushlight import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Sequential(nn.Linear(100, 10), nn.ReLU())

    def forward(self, x):
        return self.head(x)


def _notes(call, *args, kind=RuntimeError):
    with pytest.raises(kind) as caught:
        call(*args)
    return str(caught.value), getattr(caught.value, "__notes__", [])


def test_a_shape_error_names_the_layer_by_its_path():
    net = Net()
    text, notes = _notes(lambda: net(torch.ones(2, 64)))
    assert text.startswith("mat1 and mat2 shapes cannot be multiplied (2x64 and 100x10)")
    assert notes == ["in net.head.0: Linear(in_features=100, out_features=10, bias=True)"]


def test_an_error_in_a_forward_of_ones_own_names_that_module():
    class Bad(nn.Module):
        def forward(self, x):
            raise ValueError("not today")

    model = nn.ModuleDict({"inner": Bad()})

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = model

        def forward(self, x):
            return self.parts["inner"](x)

    outer = Outer()
    text, notes = _notes(lambda: outer(1), kind=ValueError)
    assert (text, notes) == ("not today", ["in outer.parts.inner: Bad()"])


def test_the_path_begins_with_the_class_where_there_is_no_variable():
    _, notes = _notes(lambda: Net()(torch.ones(2, 64)))
    assert notes == ["in Net.head.0: Linear(in_features=100, out_features=10, bias=True)"]


def test_the_path_of_a_model_held_by_another_object():
    class Trainer:
        def __init__(self):
            self.model = Net()

        def step(self):
            return self.model(torch.ones(2, 64))

    _, notes = _notes(Trainer().step)
    assert notes == ["in self.model.head.0: Linear(in_features=100, out_features=10, bias=True)"]


def test_module_keys_do_not_hinder_the_note():
    class Keys(nn.Sequential):
        def add_module(self, block, *_):
            self._modules[block] = block

    net = Keys()
    net.add_module(nn.Linear(3, 2))
    _, notes = _notes(lambda: net(torch.ones(1, 4)))
    assert notes == ["in net.Linear: Linear(in_features=3, out_features=2, bias=True)"]


def test_a_call_without_error_leaves_no_trace():
    net = Net()
    assert net(torch.ones(2, 100)).shape == (2, 10)
    assert "_hooks" not in net.__dict__


def test_a_device_error_names_the_parameter_and_the_mend(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_VIRTUAL_CUDA", "2")
    net = nn.Sequential(nn.Linear(2, 2)).cuda()
    text, notes = _notes(lambda: net(torch.ones(1, 2)))
    assert text.startswith(
        "Expected all tensors to be on the same device, but found at least two devices"
    )
    assert notes == [
        "in net.0: Linear(in_features=2, out_features=2, bias=True)",
        "parameter weight is on cuda:0, input 0 is on cpu. Move the input: "
        '`x = x.to("cuda:0")`, or the model: `net.to("cpu")`.',
    ]


# ---- loading


def _load_error(model, state):
    with pytest.raises(RuntimeError) as caught:
        model.load_state_dict(state)
    return str(caught.value)


def test_loading_lists_missing_unexpected_and_wrong_shapes():
    model = nn.Linear(2, 3)
    text = _load_error(model, {"weight": torch.ones(3, 3), "other": torch.ones(1)})
    assert text == (
        "Error(s) in loading state_dict for Linear:\n"
        '\tMissing key(s) in state_dict: "bias". \n'
        '\tUnexpected key(s) in state_dict: "other". \n'
        "\tsize mismatch for weight: copying a param with shape torch.Size([3, 3]) from "
        "checkpoint, "
        "the shape in current model is torch.Size([3, 2])."
    )


def test_loading_recognises_a_prefix_too_many():
    model = nn.Linear(2, 3)
    state = {f"module.{k}": v for k, v in model.state_dict().items()}
    last = _load_error(model, state).split("\n\t")[-1]
    assert last == (
        'Every key begins with "module.", which this model\'s keys do not. Try: '
        'model.load_state_dict({k.removeprefix("module."): v for k, v in state_dict.items()})'
    )
    model.load_state_dict({k.removeprefix("module."): v for k, v in state.items()})


def test_loading_recognises_a_prefix_too_few():
    inner = nn.Linear(2, 3)
    model = nn.ModuleDict({"model": inner})
    last = _load_error(model, inner.state_dict()).split("\n\t")[-1]
    assert last == (
        'This model\'s keys begin with "model.", which those of the state_dict do not. Try: '
        "model.model.load_state_dict(state_dict)"
    )


def test_loading_recognises_a_checkpoint_around_the_state():
    model = nn.Linear(2, 3)
    checkpoint = {"epoch": 3, "net": model.state_dict()}
    last = _load_error(model, checkpoint).split("\n\t")[-1]
    assert (
        last
        == 'The state_dict lies one level deeper. Try: model.load_state_dict(checkpoint["net"])'
    )


def test_a_failed_load_leaves_the_model_unchanged():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = {k: v + 1 for k, v in before.items()}
    state["1.bias"] = torch.ones(5)
    _load_error(model, state)
    assert all(bool((v == before[k]).all()) for k, v in model.state_dict().items())


def test_a_load_that_fails_only_after_a_hook_is_undone():
    model = nn.Linear(2, 2)
    seen = []
    model.register_load_state_dict_post_hook(lambda m, keys: seen.append(m.weight.sum().item()))
    before = model.weight.clone()
    _load_error(model, {"weight": torch.ones(2, 2)})
    assert seen == [4.0]
    assert bool((model.weight == before).all())


# ---- plain lists


@pytest.fixture
def fresh_warnings():
    from rushlight.nn.modules import mistakes

    mistakes._warned.clear()
    yield
    mistakes._warned.clear()


class Listed(nn.Module):
    def __init__(self, given):
        super().__init__()
        self.layers = given


def test_a_list_of_modules_warns_once_and_stays_a_list(fresh_warnings):
    with pytest.warns(UserWarning) as caught:
        net = Listed([nn.Linear(1, 1), nn.ReLU()])
        Listed([nn.Linear(1, 1)])
    assert [str(w.message) for w in caught] == [
        "Listed.layers is a plain list of modules: their parameters do not belong to the model "
        "(parameters(), state_dict(), to() and train() pass them by). "
        "Write self.layers = nn.ModuleList(...) instead."
    ]
    assert caught[0].filename == __file__
    assert list(net.parameters()) == [] and type(net.layers) is list


def test_a_dict_of_modules_names_module_dict(fresh_warnings):
    with pytest.warns(
        UserWarning, match=r"plain dict of modules.*Write self.layers = nn.ModuleDict"
    ):
        Listed({"a": nn.ReLU()})


def test_a_list_filled_later_is_found_when_parameters_are_asked_for(fresh_warnings):
    net = Listed([])
    net.layers.append(nn.Linear(1, 1))
    with pytest.warns(UserWarning, match=r"Listed.layers is a plain list of modules"):
        assert list(net.parameters()) == []


def test_lists_of_other_things_do_not_warn(fresh_warnings):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = Listed([1, 2])
        net.sizes = (3, 4)
        net.names = {}
        list(net.parameters())
