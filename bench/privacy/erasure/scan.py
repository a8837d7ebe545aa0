"""The search for planted strings in bytes: in which form, at which place, and whose."""

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.privacy.erasure.extents import written
from bench.privacy.erasure.packed import clickhouse_blocks, unpacked_parts
from bench.privacy.erasure.planted import NUMBER_CHARS, STEM_CHARS, Needle, Stem, needles

#: Longer than any form of a mark's beginning.
OVERLAP_BYTES = 512
_MARK_CHARS = STEM_CHARS + NUMBER_CHARS
_UNKNOWN = -1


@dataclass(frozen=True)
class Trace:
    """A planted string that is still there. ``number`` is whose it is, -1 where its number cannot be read."""

    place: str
    form: str
    number: int


@dataclass
class Searched:
    """What a search found and how much it read."""

    traces: set[Trace] = field(default_factory=set)
    read_bytes: int = 0
    files: int = 0
    #: Files that looked packed and could not be unpacked: they were searched as they are only.
    unreadable: list[str] = field(default_factory=list)

    def numbers(self) -> set[int]:
        """Return whose strings were found."""
        return {trace.number for trace in self.traces}

    def by_place(self) -> Counter[str]:
        """Return how many people's strings each place has."""
        return Counter(place for place, _ in {(trace.place, trace.number) for trace in self.traces})

    def add(self, other: "Searched") -> None:
        """Add another search."""
        self.traces |= other.traces
        self.read_bytes += other.read_bytes
        self.files += other.files
        self.unreadable += other.unreadable


class Scanner:
    """Searches for all forms of one stem."""

    def __init__(self, stem: Stem) -> None:
        self._stem = stem
        self._needles = needles(stem)

    def data(self, place: str, data: bytes) -> Searched:
        """Search bytes, and what was compressed in them by gzip or zlib."""
        found = Searched(read_bytes=len(data))
        for part in (data, *unpacked_parts(data)):
            found.traces |= {Trace(place, form, number) for form, number in self._in(part)}
        return found

    def tree(self, place: str, folder: Path) -> Searched:
        """Search every file below a folder; ``place`` is what the folder is called in traces."""
        found = Searched()
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                found.add(self.file(place, path))
        return found

    def file(self, place: str, path: Path) -> Searched:
        """Search a file's bytes and its name, and the blocks of a column file of ClickHouse."""
        found = Searched(files=1)
        try:
            for block in _blocks(path):
                found.add(self.data(place, block))
            found.add(self.data(f"{place} (name)", str(path.name).encode()))
            if path.suffix == ".bin":
                self._columns(place, path, found)
        except FileNotFoundError:
            pass  # a store removes files while it runs; the search after its end sees what stays
        return found

    def _columns(self, place: str, path: Path, found: Searched) -> None:
        try:
            for block in clickhouse_blocks(path.read_bytes()):
                found.add(self.data(f"{place} (unpacked)", block))
        except (ValueError, RuntimeError) as exc:
            found.unreadable.append(f"{path}: {exc}")

    def _in(self, data: bytes) -> Iterator[tuple[str, int]]:
        for needle in self._needles:
            at = data.find(needle.data)
            while at >= 0:
                yield needle.form, self._whose(needle, data, at)
                at = data.find(needle.data, at + 1)

    def _whose(self, needle: Needle, data: bytes, at: int) -> int:
        number = self._stem.number_in(_read(needle, data, at))
        return _UNKNOWN if number is None else number


def _read(needle: Needle, data: bytes, at: int) -> str:
    """Return the text of a mark's beginning that stands at a place in a needle's form, as far as it can be read."""
    match needle.form:
        case "plain" | "upper":
            return data[at : at + _MARK_CHARS].decode("latin-1")
        case "utf-16":
            return data[at : at + 2 * _MARK_CHARS : 2].decode("latin-1")
        case "hex":
            return _from_hex(data[at : at + 2 * _MARK_CHARS])
        case "base64":
            return _from_base64(data, at, needle.shift)
        case _:
            return ""


def _from_hex(data: bytes) -> str:
    try:
        return binascii.unhexlify(data).decode("latin-1")
    except binascii.Error:
        return ""


def _from_base64(data: bytes, at: int, shift: int) -> str:
    """Decode from the group in which the stem begins: ``shift`` bytes of it are a neighbour's."""
    begin = at - -(-shift * 8 // 6)
    window = data[max(begin, 0) : begin + 4 * -(-(shift + _MARK_CHARS) // 3)]
    try:
        decoded = base64.b64decode(window + b"=" * (-len(window) % 4), altchars=b"-_" if b"-" in window else None)
    except binascii.Error:
        return ""
    return decoded[shift:].decode("latin-1") if begin >= 0 else ""


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield what was written of a file, each block with the end of the one before."""
    end, rest = 0, b""
    for at, block in written(path):
        yield (rest if at == end else b"") + block
        end, rest = at + len(block), block[-OVERLAP_BYTES:]


def search(stem: Stem, places: Iterable[tuple[str, Path]]) -> Searched:
    """Search several files and folders, each under its name."""
    scanner, found = Scanner(stem), Searched()
    for place, path in places:
        found.add(scanner.tree(place, path) if path.is_dir() else scanner.file(place, path))
    return found
