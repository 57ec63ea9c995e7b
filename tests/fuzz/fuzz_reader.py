"""Coverage-guided fuzzing of the readers with atheris: `python fuzz_reader.py KIND [options]`.

The options are libFuzzer's. KIND is pickle, zip, safetensors or any (whatever `load` accepts).
Start it with a folder of seeds, which `python fuzz_reader.py seeds FOLDER` makes. A crash, a hang
or an exception that is not a reader's refusal is a finding; fixed findings are kept in
tests/fuzz/regressions.
"""

import contextlib
import importlib
import io
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent), str(HERE.parent / "files")]
INSTRUMENTED = ("rushlight._files", "rushlight.serialization")
SMALL = {"objects": 1 << 22, "growth": 20, "inflated": 1 << 20}


def check_pickle(data: bytes) -> None:
    """The opcode interpreter alone."""
    from rushlight._files.records import Limits, UnpicklingError
    from rushlight._files.unpickler import Unpickler

    with contextlib.suppress(UnpicklingError):
        Unpickler(data, None, "fuzz", limits=Limits(**SMALL)).load()


def check_zip(data: bytes) -> None:
    """The zip directory, and every record that it lists."""
    from rushlight._files.archive import Archive
    from rushlight._files.checking import verify
    from rushlight._files.records import Limits, UnpicklingError
    from rushlight._files.source import Source

    try:
        archive = Archive(Source(data), Limits(**SMALL))
        for entry in archive.entries.values():
            archive.array(entry)
        verify(archive)
    except UnpicklingError:
        pass


def check_safetensors(data: bytes) -> None:
    """The header, and every tensor that it lists."""
    from rushlight._files import safetensors
    from rushlight._files.records import UnpicklingError
    from rushlight._files.source import Source

    try:
        for record in safetensors.read(Source(data)).root.values():
            record.array()
    except UnpicklingError:
        pass


def check_any(data: bytes) -> None:
    """load, in its three modes."""
    from rushlight._files.records import FAULTS
    from rushlight.serialization import Limits, load

    for mode in ({}, {"opaque": True}, {"weights_only": False, "opaque": True}):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                load(io.BytesIO(data), limits=Limits(**SMALL), **mode)
        except FAULTS:
            pass


CHECKS = {
    "pickle": check_pickle,
    "zip": check_zip,
    "safetensors": check_safetensors,
    "any": check_any,
}


def seeds(folder: Path) -> int:
    """Small files of the hostile corpus, and good ones, as a place to start from."""
    import hostile

    folder.mkdir(parents=True, exist_ok=True)
    chosen = [data for _, data in hostile.good_files()]
    chosen += [
        data for n, (_, data) in enumerate(hostile.corpus()) if len(data) < 3000 and n % 7 == 0
    ]
    for number, data in enumerate(chosen):
        (folder / f"seed{number}").write_bytes(data)
    return len(chosen)


def main() -> None:
    """Runs libFuzzer on one check."""
    kind = sys.argv[1]
    if kind == "seeds":
        print(f"{seeds(Path(sys.argv[2]))} seeds")
        return
    import atheris

    importlib.import_module("rushlight.serialization")  # whole, and without instruments

    for name in [name for name in sys.modules if name.startswith(INSTRUMENTED)]:
        del sys.modules[name]
    with atheris.instrument_imports(include=list(INSTRUMENTED)):
        importlib.import_module("rushlight.serialization")
    CHECKS[kind](b"PK\3\4")  # our own lazy imports happen before the hunt
    atheris.Setup([sys.argv[0], *sys.argv[2:]], CHECKS[kind])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
