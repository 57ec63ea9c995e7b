"""The name `torch`: programs that import PyTorch get Rushlight's own modules, the same objects."""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from ._core import names

_ROOT = __name__.partition(".")[0]


class _Alias(Loader):
    """Answers an import of `torch.x` with the module `rushlight.x` itself."""

    def __init__(self, real: str) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.real)
        self.spec = module.__spec__  # the import system is about to write the alias's over it
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec


class _TorchFinder(MetaPathFinder):
    """Finds `torch` and everything under it among Rushlight's modules."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "torch" and not fullname.startswith("torch."):
            return None
        real = _ROOT + fullname[len("torch") :]
        if not names.is_module(real):
            raise ModuleNotFoundError(names.missing_module(real), name=fullname)
        return ModuleSpec(fullname, _Alias(real), is_package=hasattr(_module(real), "__path__"))


class _LastWord(MetaPathFinder):
    """Asked when nobody found a module of ours: `from torch import nonsense` ends here.

    The import system turns the AttributeError of a missing name into an ImportError without its
    text, but first it looks for a submodule of that name, by our own name for the package.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(_ROOT + "."):
            return None
        known = names.torch_name(fullname)
        raise ModuleNotFoundError(names.missing_module(fullname), name=known)


def _module(name: str) -> ModuleType:
    return importlib.import_module(name)


def install_as_torch() -> None:
    """Makes `import torch`, and every submodule of it that Rushlight has, mean Rushlight.

    Example:
        >>> from rushlight.compat import install_as_torch
        >>> install_as_torch()
        >>> import torch.nn.functional as F

    Raises:
        RuntimeError: PyTorch itself is already imported in this process.
    """
    present = sys.modules.get("torch")
    if present is not None and present is not sys.modules[_ROOT]:
        raise RuntimeError(
            "install_as_torch: PyTorch is already imported in this process "
            f"({getattr(present, '__file__', 'torch')}), and two libraries cannot share one name. "
            "Call install_as_torch() before the first `import torch`."
        )
    if not any(isinstance(finder, _TorchFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _TorchFinder())
        sys.meta_path.append(_LastWord())
    sys.modules["torch"] = _module(_ROOT)
