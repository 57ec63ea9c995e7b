"""torch.hub: weights from the internet, kept in a folder; and nothing that runs downloaded code."""

import hashlib
import os
import re
import shutil
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from ._files.progress import bar as _bar
from .serialization import load as _load

# PyTorch's convention: a file name may end in a dash and the first digits of its SHA-256
_DIGITS = re.compile(r"-([a-f0-9]*)\.")
_BLOCK = 128 * 1024  # bytes read at a time
_folder: str | None = None


def get_dir() -> str:
    """The folder of the cache: as set, else $TORCH_HOME/hub, else ~/.cache/torch/hub."""
    if _folder is not None:
        return _folder
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d: str | os.PathLike) -> None:
    """Keeps downloads in another folder."""
    global _folder
    _folder = os.path.expanduser(d)


def download_url_to_file(
    url: str, dst: str, hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Downloads to a file, which appears only when it is whole.

    Args:
        hash_prefix: the first digits of the file's SHA-256.

    Raises:
        RuntimeError: if the hash is another.
    """
    target = Path(dst).expanduser()
    with urllib.request.urlopen(urllib.request.Request(url)) as source:
        part = tempfile.NamedTemporaryFile(  # noqa: SIM115  (closed before it is moved)
            dir=target.parent, suffix=".partial", delete=False
        )
        try:
            with part:
                found = _copied(source, part, progress)
            if hash_prefix and not found.startswith(hash_prefix):
                raise RuntimeError(
                    f'invalid hash value (expected "{hash_prefix}", got "{found}"); the file at '
                    f"{url} is not the one that was meant"
                )
            shutil.move(part.name, target)
        finally:
            Path(part.name).unlink(missing_ok=True)


def _copied(source: Any, target: Any, progress: bool) -> str:
    """Copies block by block, and gives the SHA-256 of all."""
    size, digest = source.headers.get("Content-Length"), hashlib.sha256()
    bar = _bar(total=int(size) if size else None, unit_divisor=1024) if progress else None
    while block := source.read(_BLOCK):
        target.write(block)
        digest.update(block)
        if bar is not None:
            bar.update(len(block))
    if bar is not None:
        bar.close()
    return digest.hexdigest()


def load_state_dict_from_url(
    url: str, model_dir: str | None = None, map_location: Any = None, progress: bool = True,
    check_hash: bool = False, file_name: str | None = None, weights_only: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """The state dict at a URL, downloaded once and read from the cache afterwards.

    Differs: it is read as `torch.load` reads here, so that nothing in the file is ever run,
    whatever `weights_only` says.

    Args:
        model_dir: the folder to keep it in; by default `get_dir()/checkpoints`.
        check_hash: whether the file name tells the first digits of the SHA-256, as in
            `net-0a1b2c3d.pth`, which the content must then have.
    """
    folder = Path(model_dir or os.path.join(get_dir(), "checkpoints")).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    name = file_name or os.path.basename(urllib.parse.urlparse(url).path)
    path = folder / name
    if not path.exists():
        sys.stderr.write(f'Downloading: "{url}" to {path}\n')
        match = _DIGITS.search(name) if check_hash else None
        download_url_to_file(url, str(path), match.group(1) if match else None, progress)
    return _load(str(path), map_location=map_location, weights_only=weights_only)


def load(repo_or_dir: str, model: str, *args: Any, **kwargs: Any) -> Any:
    """Refused: it would run downloaded code."""
    raise RuntimeError(
        f"torch.hub.load would download and run the code of {repo_or_dir}, which Rushlight never "
        f"does: define {model} in your program and use load_state_dict_from_url for its weights"
    )


__all__ = ["download_url_to_file", "get_dir", "load", "load_state_dict_from_url", "set_dir"]
