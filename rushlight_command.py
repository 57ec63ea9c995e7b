"""The command `rushlight`: looking into a file starts without NumPy and the rest of the package."""

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

ON_FILES = ("inspect", "scan", "diff", "convert")  # rushlight._files is all that they need


def main() -> int:
    """Runs the subcommand that the command line names and returns the exit status."""
    if sys.argv[1:2] and sys.argv[1] in ON_FILES and "rushlight" not in sys.modules:
        _stand_in("rushlight")
        sys.modules.setdefault("numpy", Later("numpy"))
    return import_module("rushlight.cli").main()


def _stand_in(package: str) -> None:
    """Makes the package's modules importable without running its `__init__`."""
    spec = find_spec(package)
    assert spec is not None
    sys.modules[package] = module_from_spec(spec)


class Later(ModuleType):
    """A module that is loaded when something in it is used.

    (importlib's LazyLoader loads at the second `import` already, which asks for `__spec__`.)
    """

    def __getattr__(self, name: str) -> Any:
        if sys.modules[self.__name__] is self:
            del sys.modules[self.__name__]
        module = import_module(self.__name__)
        vars(self).update(vars(module))
        return getattr(module, name)


if __name__ == "__main__":
    sys.exit(main())
