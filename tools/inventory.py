"""Counts how many of PyTorch's most used names exist in Rushlight, and how many of them tests name.

    python tools/inventory.py            # a table, then every missing name

The list (`tests/data/api_names.tsv`) was drawn from the sources of many public projects: tier A is
used by most of them, tier B by several.
"""

import importlib
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# Families of PyTorch that are not part of Rushlight's ground, by how their names begin: those that
# the plan names, and the compilers and converters that are kin of jit and fx.
EXCLUDED = (
    *("torch.distributed", "torch.jit", "torch.fx", "torch.backends", "torch.nn.parallel"),
    *(
        "torch._dynamo",
        "torch._inductor",
        "torch.export",
        "torch.onnx",
        "torch.ao.",
        "torch.classes",
    ),
)


@dataclass(frozen=True)
class Name:
    """One line of the list."""

    full: str
    tier: str
    kind: str
    note: str

    @property
    def excluded(self) -> bool:
        return self.full.startswith(EXCLUDED) or self.full == "torch.utils.data.DistributedSampler"


def names() -> list[Name]:
    """The list, without its heading."""
    lines = (ROOT / "tests/data/api_names.tsv").read_text("utf-8").splitlines()[1:]
    return [Name(*line.split("\t")) for line in lines]


def instances(torch: Any) -> dict[str, Any]:
    """Objects to ask where a name belongs to an instance and not to its class."""
    layer = torch.nn.Linear(1, 1)
    return {
        "torch.Tensor": torch.zeros(2),
        "torch.nn.Module": layer,
        "torch.optim.Optimizer": torch.optim.SGD(layer.parameters(), lr=0.1),
    }


def exists(name: Name, torch: Any, known: dict[str, Any]) -> bool:
    """Whether the name can be had from Rushlight, as PyTorch programs would get it."""
    owner, _, last = name.full.rpartition(".")
    if owner in known:
        return hasattr(type(known[owner]), last) or hasattr(known[owner], last)
    thing, path = torch, "rushlight"
    for part in name.full.split(".")[1:]:
        path = f"{path}.{part}"
        if not hasattr(thing, part):
            try:
                importlib.import_module(path)
            except ImportError:
                return False
        thing = getattr(thing, part)
    return True


def words_of_tests() -> set[str]:
    """Every identifier that occurs in the tests and lessons."""
    words = set()
    for folder in ("tests", "examples"):
        for path in (ROOT / folder).rglob("*.py"):
            words |= set(re.findall(r"[A-Za-z_]\w*", path.read_text("utf-8")))
    return words


def words_of_records() -> set[str]:
    """The names of the operations, which one walk tests all."""
    words = set()
    for path in (ROOT / "rushlight/_ops").rglob("*.py"):
        words |= set(re.findall(r"^def ([a-z]\w*)", path.read_text("utf-8"), re.MULTILINE))
    return words


def report() -> tuple[Counter, list[Name]]:
    """Counts by (tier, fact), and the names that are missing outside the excluded families."""
    sys.path.insert(0, str(ROOT))
    torch = importlib.import_module("rushlight")
    known, mentioned = instances(torch), words_of_tests() | words_of_records()
    counts, missing = Counter(), []
    for name in names():
        if name.excluded:
            counts[name.tier, "excluded"] += 1
            continue
        counts[name.tier, "asked"] += 1
        if exists(name, torch, known):
            counts[name.tier, "exist"] += 1
            last = name.full.rpartition(".")[2]
            counts[name.tier, "tested"] += last in mentioned or last.rstrip("_") in mentioned
        else:
            missing.append(name)
    return counts, missing


def main() -> None:
    counts, missing = report()
    print("tier  names  excluded  asked  exist  tested  missing")
    for tier in "AB":
        asked, exist = counts[tier, "asked"], counts[tier, "exist"]
        excluded, tested = counts[tier, "excluded"], counts[tier, "tested"]
        share = f"{asked - exist} ({(asked - exist) / asked:.1%})"
        row = f"{tier:<4}  {asked + excluded:5}  {excluded:8}  {asked:5}  {exist:5}  {tested:6}"
        print(f"{row}  {share}")
    for name in missing:
        print(f"missing {name.tier}  {name.full}  {name.note}".rstrip())


if __name__ == "__main__":
    main()
