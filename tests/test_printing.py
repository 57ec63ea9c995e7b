"""How tensors print: recorded from PyTorch 2.13, and the rules of `set_printoptions`."""

import pytest

import rushlight as torch
from rushlight import _printing

# fmt: off
RECORDED = [
    (
        "torch.tensor(3.5)",
        "tensor(3.5000)",
    ),
    (
        "torch.tensor(True)",
        "tensor(True)",
    ),
    (
        "torch.tensor(7)",
        "tensor(7)",
    ),
    (
        "torch.tensor(1 + 2j)",
        "tensor(1.+2.j)",
    ),
    (
        "torch.tensor([1.0, 2.5, -3.0])",
        "tensor([ 1.0000,  2.5000, -3.0000])",
    ),
    (
        "torch.tensor([1.0, 2.0, 3.0])",
        "tensor([1., 2., 3.])",
    ),
    (
        "torch.tensor([1, -20, 300])",
        "tensor([  1, -20, 300])",
    ),
    (
        "torch.tensor([True, False])",
        "tensor([ True, False])",
    ),
    (
        "torch.tensor([1e-5, 1.0, 1e5])",
        "tensor([1.0000e-05, 1.0000e+00, 1.0000e+05])",
    ),
    (
        "torch.tensor([1e9, 2e9])",
        "tensor([1.0000e+09, 2.0000e+09])",
    ),
    (
        "torch.tensor([0.0001, 0.1])",
        "tensor([1.0000e-04, 1.0000e-01])",
    ),
    (
        "torch.tensor([0.00001, 0.1])",
        "tensor([1.0000e-05, 1.0000e-01])",
    ),
    (
        'torch.tensor([float("nan"), float("inf"), -1.0])',
        "tensor([nan, inf, -1.])",
    ),
    (
        'torch.tensor([float("nan"), float("inf"), -1.5])',
        "tensor([    nan,     inf, -1.5000])",
    ),
    (
        "torch.tensor([0.0, -0.0])",
        "tensor([0., -0.])",
    ),
    (
        "torch.tensor([[1.5 + 2j, -3j], [0.25, 1e3 - 1e-3j]])",
        "tensor([[1.5000e+00+2.0000e+00j, -0.0000e+00-3.0000e+00j],\n        [2.5000e-01+0.0000e+00j, 1.0000e+03-1.0000e-03j]])",  # noqa: E501
    ),
    (
        "torch.tensor([])",
        "tensor([])",
    ),
    (
        "torch.zeros(2, 0)",
        "tensor([], size=(2, 0))",
    ),
    (
        "torch.zeros(0, dtype=torch.int64)",
        "tensor([], dtype=torch.int64)",
    ),
    (
        "torch.zeros(2, 3, dtype=torch.float64)",
        "tensor([[0., 0., 0.],\n        [0., 0., 0.]], dtype=torch.float64)",
    ),
    (
        "torch.ones(3, dtype=torch.bfloat16) / 3",
        "tensor([0.3340, 0.3340, 0.3340], dtype=torch.bfloat16)",
    ),
    (
        "torch.ones(3, dtype=torch.float16)",
        "tensor([1., 1., 1.], dtype=torch.float16)",
    ),
    (
        "torch.arange(4, dtype=torch.int8)",
        "tensor([0, 1, 2, 3], dtype=torch.int8)",
    ),
    (
        "torch.arange(24).reshape(2, 3, 4)",
        "tensor([[[ 0,  1,  2,  3],\n         [ 4,  5,  6,  7],\n         [ 8,  9, 10, 11]],\n\n        [[12, 13, 14, 15],\n         [16, 17, 18, 19],\n         [20, 21, 22, 23]]])",  # noqa: E501
    ),
    (
        "torch.arange(16.0).reshape(2, 2, 2, 2) / 7",
        "tensor([[[[0.0000, 0.1429],\n          [0.2857, 0.4286]],\n\n         [[0.5714, 0.7143],\n          [0.8571, 1.0000]]],\n\n\n        [[[1.1429, 1.2857],\n          [1.4286, 1.5714]],\n\n         [[1.7143, 1.8571],\n          [2.0000, 2.1429]]]])",  # noqa: E501
    ),
    (
        "torch.zeros(1001)",
        "tensor([0., 0., 0.,  ..., 0., 0., 0.])",
    ),
    (
        "torch.arange(2000).reshape(40, 50)",
        "tensor([[   0,    1,    2,  ...,   47,   48,   49],\n        [  50,   51,   52,  ...,   97,   98,   99],\n        [ 100,  101,  102,  ...,  147,  148,  149],\n        ...,\n        [1850, 1851, 1852,  ..., 1897, 1898, 1899],\n        [1900, 1901, 1902,  ..., 1947, 1948, 1949],\n        [1950, 1951, 1952,  ..., 1997, 1998, 1999]])",  # noqa: E501
    ),
    (
        "torch.ones(2, 3, requires_grad=True)",
        "tensor([[1., 1., 1.],\n        [1., 1., 1.]], requires_grad=True)",
    ),
    (
        "torch.ones(2, 3, requires_grad=True) * 2",
        "tensor([[2., 2., 2.],\n        [2., 2., 2.]], grad_fn=<MulBackward0>)",
    ),
    (
        "torch.ones(20, requires_grad=True).exp()",
        "tensor([2.7183, 2.7183, 2.7183, 2.7183, 2.7183, 2.7183, 2.7183, 2.7183, 2.7183,\n        2.7183, 2.7183, 2.7183, 2.7183, 2.7183, 2.7183, 2.7183, 2.7183, 2.7183,\n        2.7183, 2.7183], grad_fn=<ExpBackward0>)",  # noqa: E501
    ),
    (
        'torch.empty(2, 3, device="meta")',
        "tensor(..., device='meta', size=(2, 3))",
    ),
    (
        'torch.empty(2, device="meta", dtype=torch.int32)',
        "tensor(..., device='meta', size=(2,), dtype=torch.int32)",
    ),
    (
        "torch.nn.Parameter(torch.ones(2))",
        "Parameter containing:\ntensor([1., 1.], requires_grad=True)",
    ),
    (
        "torch.linspace(0, 1, 30)",
        "tensor([0.0000, 0.0345, 0.0690, 0.1034, 0.1379, 0.1724, 0.2069, 0.2414, 0.2759,\n        0.3103, 0.3448, 0.3793, 0.4138, 0.4483, 0.4828, 0.5172, 0.5517, 0.5862,\n        0.6207, 0.6552, 0.6897, 0.7241, 0.7586, 0.7931, 0.8276, 0.8621, 0.8966,\n        0.9310, 0.9655, 1.0000])",  # noqa: E501
    ),
    (
        "torch.arange(30, dtype=torch.int32)",
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29], dtype=torch.int32)",  # noqa: E501
    ),
]
# fmt: on


@pytest.fixture(autouse=True)
def usual_options():
    yield
    torch.set_printoptions(profile="default")


@pytest.mark.parametrize("source, expected", RECORDED, ids=[s for s, _ in RECORDED])
def test_prints_as_recorded(source, expected):
    assert repr(eval(source, {"torch": torch})) == expected


def test_precision():
    torch.set_printoptions(precision=2)
    assert repr(torch.tensor([1.23456])) == "tensor([1.23])"


def test_scientific_mode_goes_back_to_automatic():
    torch.set_printoptions(sci_mode=True)
    assert repr(torch.tensor([1.0])) == "tensor([1.0000e+00])"
    torch.set_printoptions(precision=3)
    assert repr(torch.tensor([1.5])) == "tensor([1.500])"


def test_summary():
    torch.set_printoptions(threshold=5, edgeitems=2)
    assert repr(torch.arange(10)) == "tensor([0, 1,  ..., 8, 9])"


def test_line_width():
    torch.set_printoptions(linewidth=20)
    assert repr(torch.arange(8)) == "tensor([0, 1, 2, 3,\n        4, 5, 6, 7])"


def test_profiles():
    torch.set_printoptions(profile="short")
    assert repr(torch.tensor([1.23456])) == "tensor([1.23])"
    torch.set_printoptions(profile="full")
    assert repr(torch.zeros(1001)).count("0.") == 1001
    torch.set_printoptions(profile="default")
    assert _printing.get_printoptions() == {
        "precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None,
    }  # fmt: skip


def test_options_for_a_while():
    with _printing.printoptions(precision=1):
        assert repr(torch.tensor([1.25])) == "tensor([1.2])"
    assert repr(torch.tensor([1.25])) == "tensor([1.2500])"


def test_default_dtype_is_not_printed():
    torch.set_default_dtype(torch.float64)
    try:
        assert repr(torch.tensor([1.5])) == "tensor([1.5000])"
        assert repr(torch.ones(1, dtype=torch.float32)) == "tensor([1.], dtype=torch.float32)"
    finally:
        torch.set_default_dtype(torch.float32)


def test_subclass_prints_its_name():
    class Marked(torch.Tensor):
        pass

    assert repr(torch.ones(2).as_subclass(Marked)) == "Marked([1., 1.])"


def test_format_of_one_element_is_its_number():
    assert f"{torch.tensor(3.14159):.2f}" == "3.14"
    assert f"{torch.tensor(3)}" == "3"
    assert f"{torch.ones(2)}" == "tensor([1., 1.])"
