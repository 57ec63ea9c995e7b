"""Says how much room an installation takes, and fails where it is more than promised.

python tools/weight.py FOLDER       # a folder made by `pip install --target`
"""

import sys
from pathlib import Path

# What may be there at most: Rushlight, and that with NumPy.
MOST_OURS, MOST_ALL = 3_000_000, 65_000_000


def size(folder: Path) -> int:
    """Bytes of all files below, caches of compiled Python left out."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files if "__pycache__" not in path.parts)


def main() -> int:
    folder = Path(sys.argv[1])
    ours, everything = size(folder / "rushlight"), size(folder)
    core = ours - size(folder / "rushlight" / "_engine")
    print(
        f"rushlight {ours / 1e6:.2f} MB (without the engine {core / 1e6:.2f}), with NumPy "
        f"{everything / 1e6:.1f} MB"
    )
    return int(ours > MOST_OURS or everything > MOST_ALL)


if __name__ == "__main__":
    sys.exit(main())
