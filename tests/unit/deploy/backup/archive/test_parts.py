"""Parts: what comes back, and what is refused."""

import zlib

import msgspec
import pytest

from connectors.ports.archive import LogRow
from deploy.backup.archive.parts import MAGIC, BackupKey, Codec, ObjectRow, fault_of, info_of, read_key, records_info
from deploy.backup.errors import BackupRefused, DamagedBackup

ROWS = [
    LogRow(7, 1_700_000_000_000, b"k", b'{"a":1}', [("h", b"\x00"), ("n", None)]),
    LogRow(8, 1_600_000_000_000, None, None, []),
]
KEY = BackupKey(b"k" * 40)


@pytest.mark.parametrize("key", [None, KEY])
def test_records_come_back_byte_for_byte(key: BackupKey | None) -> None:
    codec = Codec("one", key)
    data = codec.pack("topics/t/0/7.part", ROWS)

    assert codec.unpack("topics/t/0/7.part", data, LogRow) == ROWS
    assert (b'"a":1' in data) is False


def test_the_manifest_knows_offsets_and_times() -> None:
    info = records_info("p", b"data", ROWS)

    assert (info.first, info.last, info.first_ms, info.last_ms) == (7, 8, 1_600_000_000_000, 1_700_000_000_000)


def test_a_sealed_part_opens_only_in_its_place_and_with_its_key() -> None:
    data = Codec("one", KEY).pack("a", ROWS)

    for codec, name in ((Codec("two", KEY), "a"), (Codec("one", KEY), "b"), (Codec("one", BackupKey(b"x" * 40)), "a")):
        with pytest.raises(DamagedBackup, match="does not open"):
            codec.unpack(name, data, LogRow)
    with pytest.raises(DamagedBackup, match="--key-file"):
        Codec("one", None).unpack("a", data, LogRow)


def test_every_flipped_byte_is_seen() -> None:
    data = Codec("one", None).pack("a", ROWS)
    info = info_of("a", data, 2)

    assert fault_of(info, data) == ""
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert "SHA-256" in fault_of(info, changed)
    assert "missing" in fault_of(info, None)
    assert "bytes" in fault_of(info, data[:-1])


def test_what_is_no_part_is_refused() -> None:
    codec = Codec("one", None)
    bomb = MAGIC + b"\x00" + zlib.compress(bytes(300 * 1024 * 1024), 9)

    for data in (b"", b"AFBPx", MAGIC + b"\x00junk", MAGIC + b"\x00" + zlib.compress(b"\x01"), bomb):
        with pytest.raises(DamagedBackup):
            codec.unpack("a", data, ObjectRow)
    cut = codec.pack("a", ROWS)[:-6]
    with pytest.raises(DamagedBackup):
        codec.unpack("a", cut, LogRow)


def test_rows_of_another_kind_are_refused() -> None:
    data = MAGIC + b"\x00" + zlib.compress(msgspec.msgpack.encode([[1, 2]]))

    with pytest.raises(DamagedBackup):
        Codec("one", None).unpack("a", data, LogRow)


def test_key_files_are_read_whole_and_short_ones_refused(tmp_path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"s" * 40 + b"\n")
    found = read_key(file)

    assert found is not None
    assert found.secret == b"s" * 40
    assert "s" * 8 not in repr(found)
    assert read_key(None) is None
    file.write_bytes(b"short")
    with pytest.raises(BackupRefused, match="openssl"):
        read_key(file)
    with pytest.raises(BackupRefused, match="cannot be read"):
        read_key(tmp_path / "none")
