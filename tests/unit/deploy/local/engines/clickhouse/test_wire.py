"""Bodies of ClickHouse's HTTP protocol as the local engine reads them."""

import gzip
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
from backports import zstd

from deploy.local.engines.clickhouse.wire import BadRequestError, decompress

BLOCKS = (b"the first block " * 100, b"the second block " * 100, b"the last")
IN_FRAMES: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("encoding", IN_FRAMES)
def test_blocks_that_are_compressed_one_by_one_are_all_read(encoding: str) -> None:
    body = b"".join(map(IN_FRAMES[encoding], BLOCKS))
    assert decompress(body, encoding) == b"".join(BLOCKS)


def test_a_deflated_body_is_read() -> None:
    assert decompress(zlib.compress(b"".join(BLOCKS)), "deflate") == b"".join(BLOCKS)


@pytest.mark.parametrize("encoding", [*IN_FRAMES, "deflate"])
def test_a_body_that_is_cut_off_is_refused(encoding: str) -> None:
    compress = IN_FRAMES.get(encoding, zlib.compress)
    with pytest.raises(BadRequestError, match=r"Code: 271.*whole"):
        decompress(compress(b"".join(BLOCKS))[:-6], encoding)


@pytest.mark.parametrize("encoding", [*IN_FRAMES, "deflate"])
def test_a_body_of_another_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(BadRequestError, match="Code: 271"):
        decompress(b"plain text, and no frame of any kind", encoding)


def test_an_unknown_encoding_names_those_that_are_known() -> None:
    with pytest.raises(BadRequestError, match="lz4, zstd, gzip or deflate"):
        decompress(b"x", "br")
