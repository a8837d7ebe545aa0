"""The scanner finds planted strings in every form that a store may write them in, so a clean search says something."""

import base64
import gzip
import json
import random
import urllib.parse
import zlib

import lz4.block
import orjson
import pytest
from backports import zstd

from bench.privacy.erasure.__main__ import main
from bench.privacy.erasure.extents import BLOCK_BYTES, copy
from bench.privacy.erasure.packed import clickhouse_blocks
from bench.privacy.erasure.planted import Stem
from bench.privacy.erasure.scan import Scanner, search

STEM = Stem.of(random.Random(7))
STRING = STEM.string(42)
NOISE = random.Random(1).randbytes(5_000)

FORMS = {
    "as it is": STRING.encode(),
    "JSON": orjson.dumps({"text": STRING}),
    "JSON in ASCII": json.dumps({"text": STRING}).encode(),
    "JSON in JSON": json.dumps(json.dumps({"text": STRING})).encode(),
    "every character escaped": "".join(f"\\u{ord(char):04x}" for char in STRING).encode(),
    "base64": base64.b64encode(STRING.encode()),
    "base64, one byte before": base64.b64encode(b"x" + STRING.encode()),
    "base64, two bytes before": base64.b64encode(b"xy" + STRING.encode()),
    "base64 for URLs": base64.urlsafe_b64encode(b"\xff\xfe?" + STRING.encode()),
    "base64 twice": base64.b64encode(base64.b64encode(b"z" + STRING.encode())),
    "hex": STRING.encode().hex().encode(),
    "hex in capitals": STRING.encode().hex().upper().encode(),
    "PostgreSQL's bytea": b"\\x" + STRING.encode().hex().encode(),
    "a URL": urllib.parse.quote(STRING).encode(),
    "every character as a URL's escape": "".join(f"%{byte:02X}" for byte in STRING.encode()).encode(),
    "UTF-16, low byte first": STRING.encode("utf-16-le"),
    "UTF-16, high byte first": STRING.encode("utf-16-be"),
    "capitals": STRING.upper().encode(),
    "reversed": STRING[::-1].encode(),
    "gzip": gzip.compress(STRING.encode()),
    "zlib": zlib.compress(STRING.encode()),
    "the second mark alone": STEM.marks(42)[1].encode(),
    "a mark cut after its number": STEM.marks(42)[0][:14].encode(),
}
UNATTRIBUTED = {"every character escaped", "every character as a URL's escape", "base64 twice", "reversed"}


def block(method: int, packed: bytes, length: int) -> bytes:
    """A block of a column file of ClickHouse."""
    size = (len(packed) + 9).to_bytes(4, "little")
    return bytes(16) + bytes([method]) + size + length.to_bytes(4, "little") + packed


@pytest.mark.parametrize("form", FORMS)
def test_string_is_found_in_every_form_and_is_attributed(form):
    found = Scanner(STEM).data("here", NOISE + FORMS[form] + NOISE)
    assert found.numbers() - {-1} == (set() if form in UNATTRIBUTED else {42})
    assert found.traces


@pytest.mark.parametrize("form", FORMS)
def test_string_of_another_game_is_no_trace(form):
    assert not Scanner(Stem.of(random.Random(8))).data("here", NOISE + FORMS[form] + NOISE).traces


def test_noise_has_no_trace():
    assert not Scanner(STEM).data("here", random.Random(2).randbytes(3_000_000)).traces


@pytest.mark.parametrize(
    ("method", "pack"),
    [
        (0x82, lambda data: lz4.block.compress(data, store_size=False)),
        (0x90, zstd.compress),
        (0x02, lambda data: data),
    ],
)
def test_blocks_of_clickhouse_are_unpacked(method, pack, tmp_path):
    # The mark is not in one piece in the packed bytes, since its beginning was there before.
    text = (STEM.text[:5] + " " + STEM.text[3:] + " " + STRING).encode() * 50
    (tmp_path / "text.bin").write_bytes(block(0x02, b"first", 5) + block(method, pack(text), len(text)))
    found = Scanner(STEM).tree("parts", tmp_path)
    assert found.numbers() == {42}
    assert "parts (unpacked)" in found.by_place()


def test_block_that_cannot_be_unpacked_is_reported_and_not_clean(tmp_path):
    (tmp_path / "text.bin").write_bytes(block(0x93, b"strange", 20))
    found = Scanner(STEM).tree("parts", tmp_path)
    assert len(found.unreadable) == 1
    with pytest.raises(ValueError, match="0x93"):
        list(clickhouse_blocks(block(0x93, b"strange", 20)))


def test_string_over_the_edge_of_two_blocks_of_a_file_is_found(tmp_path):
    (tmp_path / "large").write_bytes(bytes(BLOCK_BYTES - 5) + STRING.encode())
    assert Scanner(STEM).tree("large", tmp_path).numbers() == {42}


def test_string_behind_a_hole_of_a_file_is_found_and_copied(tmp_path):
    with (tmp_path / "index").open("wb") as file:
        file.seek(5_000_000)
        file.write(STRING.encode())
        file.truncate(9_000_000)
    found = Scanner(STEM).tree("index", tmp_path)
    assert (found.numbers(), found.read_bytes < 1_000_000) == ({42}, True)
    copy(str(tmp_path / "index"), str(tmp_path / "copied"))
    assert (tmp_path / "copied").read_bytes() == (tmp_path / "index").read_bytes()


def test_name_of_a_file_is_searched(tmp_path):
    (tmp_path / STEM.marks(3)[0]).write_bytes(b"")
    assert Scanner(STEM).tree("objects", tmp_path).by_place() == {"objects (name)": 1}


def test_search_counts_people_by_place(tmp_path):
    for name, numbers in (("one", (1, 2)), ("two", (2,))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(" ".join(STEM.string(number) for number in numbers))
    found = search(STEM, [("one", tmp_path / "one"), ("two", tmp_path / "two" / "file")])
    assert (found.numbers(), dict(found.by_place()), found.files) == ({1, 2}, {"one": 2, "two": 1}, 2)


def test_command_prints_traces_and_fails_when_there_are_some(tmp_path, capsys):
    (tmp_path / "clean").write_text("nothing")
    assert main([STEM.text, str(tmp_path / "clean")]) == 0
    (tmp_path / "log").write_text(STRING)
    assert main([STEM.text, str(tmp_path / "log")]) == 1
    assert "plain: person 42" in capsys.readouterr().out


def test_marks_of_people_differ_and_name_them():
    assert len({mark for number in range(1_000) for mark in STEM.marks(number)}) == 2_000
    assert [STEM.number_in(mark) for mark in STEM.marks(99_999)] == [99_999] * 2
