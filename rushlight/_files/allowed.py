"""Names that PyTorch's guarded mode lets through, beside dtypes and storages."""

from .meanings import MODULES, TENSORS, dtype_of, storage_dtype
from .records import Global

ALLOWED = {
    *(f"collections.{name}" for name in ("OrderedDict", "Counter")),
    *(f"builtins.{name}" for name in ("bytearray", "set", "complex")),
    *(f"torch.{name}" for name in ("Size", "Tensor", "device", "serialization._get_layout")),
    *(f"torch.per_tensor_{name}" for name in ("affine", "symmetric")),
    *(f"torch.per_channel_{name}" for name in ("affine", "symmetric", "affine_float_qparams")),
    *(f"torch._utils._rebuild_{name}" for name in ("parameter", "parameter_with_state")),
    *(f"torch._utils._rebuild_{name}tensor" for name in ("", "q", "sparse_", "nested_")),
    *(f"torch._utils._rebuild_tensor_{name}" for name in ("v2", "v3")),
    *(f"torch._utils._rebuild_device_tensor_from_{name}" for name in ("numpy", "cpu_tensor")),
    *(f"torch._utils._rebuild_{name}" for name in ("meta_tensor_no_storage", "wrapper_subclass")),
    "torch.nn.parameter.Parameter",
    "torch._tensor._rebuild_from_type_v2",
    "_codecs.encode",
}
BLOCKED = ("sys", "os", "posix", "nt")
_ODD_DTYPES = {f"{sign}int{bits}" for sign in ("", "u") for bits in range(1, 8)}


def allowed(name: Global) -> bool:
    """Whether PyTorch's guarded mode knows the name."""
    if name.path in ALLOWED or dtype_of(name) is not None or storage_dtype(name) is not None:
        return True
    if name.module == "torch" and (name.name in _ODD_DTYPES):
        return True
    return name.module in MODULES and name.name.removesuffix("Tensor") in TENSORS
