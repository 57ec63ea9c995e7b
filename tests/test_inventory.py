"""PyTorch's most used names exist: all of tier A, and nearly all of tier B."""

import importlib.util
from pathlib import Path

TOOL = Path(__file__).resolve().parent.parent / "tools/inventory.py"

# What is still lacking, each with its reason. A name that comes to exist must leave the table.
_FAMILY = "a family that Rushlight leaves out: "
_NO_NAME = "PyTorch 2.13 itself does not have it"
MISSING = {
    "torch.Tensor.index": "the corpora's list.index; the tensor's is for functorch's dimensions",
    "torch.Tensor.sparse_mask": _FAMILY + "sparse layouts",
    "torch.Tensor.to_sparse": _FAMILY + "sparse layouts",
    "torch.sparse_coo_tensor": _FAMILY + "sparse layouts",
    "torch.jagged": _FAMILY + "nested tensors",
    "torch.nested.nested_tensor": _FAMILY + "nested tensors",
    "torch.onnx.export": _FAMILY + "graph export",
    "torch.onnx.dynamo_export": _NO_NAME,
    "torch.onnx.ExportOptions": _NO_NAME,
    "torch.export.export": _FAMILY + "graph export",
    "torch.hub.load_state_dict_from_url": _FAMILY + "downloads",
    "torch._dynamo.explain": _FAMILY + "Dynamo",
    "torch._dynamo.reset": _FAMILY + "Dynamo",
    "torch._inductor.config.coordinate_descent_tuning": _FAMILY + "Inductor",
    "torch.ao.quantization.DeQuantStub": _FAMILY + "quantisation",
    "torch.ao.quantization.QuantStub": _FAMILY + "quantisation",
    "torch.ao.quantization.convert": _FAMILY + "quantisation",
    "torch.ao.quantization.prepare": _FAMILY + "quantisation",
    "torch.ao.quantization.prepare_qat": _FAMILY + "quantisation",
    "torch.ao.quantization.fuse_modules_qat": _FAMILY + "quantisation",
    "torch.ao.quantization.get_default_qat_qconfig": _FAMILY + "quantisation",
    "torch.classes.load_library": _FAMILY + "TorchScript's classes",
    "torch.futures.wait_all": "made for TorchScript and RPC",
    "torch.utils.tensorboard": "needs the package tensorboard, which PyTorch does not bring either",
}


def load_tool():
    spec = importlib.util.spec_from_file_location("inventory", TOOL)
    module = importlib.util.module_from_spec(spec)
    importlib.import_module("sys").modules["inventory"] = module
    spec.loader.exec_module(module)
    return module


def test_the_names_exist():
    _, missing = load_tool().report()
    absent = {name.full for name in missing}
    assert absent - MISSING.keys() == set(), "these names are missing"
    assert MISSING.keys() - absent == set(), "these exist now: take them out of the table"


def test_nothing_of_tier_a_is_missing():
    _, missing = load_tool().report()
    assert [name.full for name in missing if name.tier == "A"] == ["torch.Tensor.index"]
