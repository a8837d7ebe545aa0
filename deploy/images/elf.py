"""Shared libraries without what only debuggers read: section headers, and all that no segment loads.

A loader reads program headers and the segments that they name; symbol tables and debug sections lie behind the last
segment (ELF-64, little endian, as on amd64 and arm64; System V ABI, "Program Header"). Runs on the base's Python alone.
"""

import struct
from pathlib import Path

_MAGIC = b"\x7fELF\x02\x01"
#: Of the file header: e_phoff and e_shoff, then e_phentsize, e_phnum, e_shentsize, e_shnum and e_shstrndx.
_OFFSETS, _COUNTS = struct.Struct("<QQ"), struct.Struct("<HHHHH")
_OFFSETS_AT, _COUNTS_AT = 32, 54
#: Of a program header: p_type, p_flags, p_offset, p_vaddr, p_paddr, p_filesz.
_SEGMENT = struct.Struct("<IIQQQQ")


def loaded_bytes(content: bytes) -> int:
    """Return how many bytes from the start of a library a loader may read; all of them of what is no such file."""
    if not content.startswith(_MAGIC):
        return len(content)
    headers, _ = _OFFSETS.unpack_from(content, _OFFSETS_AT)
    size, count, *_ = _COUNTS.unpack_from(content, _COUNTS_AT)
    ends: list[int] = [headers + size * count]
    for number in range(count):
        _, _, offset, _, _, length = _SEGMENT.unpack_from(content, headers + size * number)
        ends.append(offset + length)
    return min(max(ends), len(content))


def strip(path: Path) -> int:
    """Cut a library behind its last segment; return how many bytes that frees."""
    content = path.read_bytes()
    end = loaded_bytes(content)
    if end == len(content):
        return 0
    kept = bytearray(content[:end])
    headers, _ = _OFFSETS.unpack_from(kept, _OFFSETS_AT)
    size, count, section, _, _ = _COUNTS.unpack_from(kept, _COUNTS_AT)
    _OFFSETS.pack_into(kept, _OFFSETS_AT, headers, 0)
    _COUNTS.pack_into(kept, _COUNTS_AT, size, count, section, 0, 0)
    path.write_bytes(kept)
    return len(content) - end
