"""How much must be read to trust the reader: its files, their lines of code, and why each counts.

A line of code is one that is not blank, not a comment and not part of a docstring. The first group
lies between the bytes of a .pt or .safetensors file and plain records: 1,500 lines at most, and the
status says whether that holds. The second makes records live (only it ever looks at a class); other
formats, writers and commands are not needed to trust a load.
"""

import ast
import io
import sys
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "rushlight"
MOST = 1500
GROUPS = {
    "from bytes to records": {
        "_files/source.py": "where bytes come from; what may be opened and mapped",
        "_files/archive.py": "the zip directory, proven before it is used",
        "_files/torchzip.py": "PyTorch's records in the archive",
        "_files/safetensors.py": "the JSON header",
        "_files/unpickler.py": "the pickle machine: its stack, memo and bounds",
        "_files/opcodes.py": "what each opcode does",
        "_files/meanings.py": "the few names that mean plain data",
        "_files/records.py": "what comes out; the proof that a tensor lies in its storage",
    },
    "from records to live objects": {
        "_files/formats.py": "which reader a file gets",
        "_files/standard.py": "values of Python and NumPy",
        "_files/revive.py": "instances of classes that the program already has",
        "_files/allowed.py": "the names that weights_only=True lets through",
        "serialization/guard.py": "what it says to others",
        "serialization/functions.py": "our functions that a model may hold",
        "serialization/loading.py": "load, and where tensors go",
    },
}
_QUIET = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def lines_of_code(text: str) -> int:
    """Lines that hold code."""
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _QUIET:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - _docstrings(text))


def _docstrings(text: str) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) or not body:
            continue
        first = body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            found.update(range(first.lineno, (first.end_lineno or 0) + 1))
    return found


def main() -> int:
    """Prints both groups; status 1 if the first is too large."""
    totals = []
    for group, files in GROUPS.items():
        print(group)
        counts = {file: lines_of_code((PACKAGE / file).read_text("utf-8")) for file in files}
        for file, why in files.items():
            print(f"  {counts[file]:5}  {file:<28} {why}")
        totals.append(sum(counts.values()))
        print(f"  {totals[-1]:5}  together")
    return int(totals[0] > MOST)


if __name__ == "__main__":
    sys.exit(main())
