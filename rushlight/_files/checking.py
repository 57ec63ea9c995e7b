"""Checksums: whether the records of an archive still hold what was written."""

from .archive import DEFLATED, Archive
from .crc import crc32
from .records import fault

_PIECE = 4 << 20


def verify(archive: Archive) -> None:
    """Reads every record and compares its checksum.

    Raises:
        UnpicklingError: naming the first record that is damaged.
    """
    for entry in archive.entries.values():
        data, crc, at = archive.locate(entry), 0, 0
        if entry.method == DEFLATED:
            archive.array(entry)
            continue
        while at < entry.size:
            piece = archive.source.read(data + at, min(_PIECE, entry.size - at))
            crc, at = crc32(piece, crc), at + len(piece)
        if crc != entry.crc:
            raise fault(
                archive.where, f"record {entry.name!r:.200} is damaged (its checksum is wrong)",
                data,
            )  # fmt: skip
