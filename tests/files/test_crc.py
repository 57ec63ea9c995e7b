"""The quick CRC-32 against zlib's, byte for byte."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight._files import crc

BYTES = np.random.default_rng(0).integers(0, 256, 3 << 18, dtype=np.uint8)
RING = crc._NEAR + crc._FAR
EDGES = [
    start + part + off
    for start in (crc._FAR, crc._FAR + RING, crc._FAR + 2 * RING)
    for part in (0, crc._NEAR, crc._FAR, RING)
    for off in (-1, 0, 1, 3)
]


@settings(max_examples=300, deadline=None)
@given(
    size=st.one_of(st.integers(0, 5 * RING), st.sampled_from(EDGES)),
    begin=st.integers(0, 70),
    value=st.integers(0, 0xFFFFFFFF),
)
def test_every_length_place_and_start_gives_zlibs_checksum(size, begin, value):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crc, "_WORTH", crc._FAR)  # as short as it can work
        data = BYTES[begin : begin + size]
        assert crc.crc32(data, value) == zlib.crc32(data, value)


def test_bytes_of_any_kind_are_summed_alike():
    wide = BYTES.view(np.float32)
    expected = zlib.crc32(BYTES)
    for data in (BYTES, wide, wide.data, BYTES.tobytes(), bytearray(BYTES), memoryview(BYTES)):
        assert crc.crc32(data) == expected
    assert crc.crc32(bytes(1 << 20)) == zlib.crc32(bytes(1 << 20))
    assert crc.crc32(b"123456789") == 0xCBF43926  # the catalogue's check value
