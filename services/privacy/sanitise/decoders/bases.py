"""Runs of base64, base32, base16, base85 and uuencoded text.

Formats: RFC 4648, Adobe's Ascii85, the base85 of Python and Git, uuencode of POSIX.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Final

from services.privacy.sanitise.decoders.runs import Decoded, in_place, readable
from services.privacy.sanitise.offsets import Piece

# A run is tried where it begins, so that a short one is read once.
_RUN: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{14,}={0,6}")
_LAST: Final = re.compile(r"[A-Za-z0-9+/_-]{2,}={0,6}(?![A-Za-z0-9+/_-])")
#: White space, quotes and operators between parts of one encoded text that is wrapped or split.
_BETWEEN: Final = re.compile(r"""["'\s+\\,.|>#*&]{1,8}""")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_BASE32: Final = re.compile(r"[A-Z2-7]+=*|[a-z2-7]+=*")
_MIXED: Final = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9+/]*[0-9+/])")
_WORD: Final = re.compile(r"[A-Za-z0-9+]{14,}={0,2}")
#: What a compressed text may grow to, of the text that it is in.
_MOST_INFLATED: Final = 65_536
_LINE_ENDS: Final = {9: None, 10: None, 13: None}
_URLSAFE: Final = str.maketrans("-_", "+/")


def base_runs(text: str) -> Iterator[Decoded]:
    """Yield what runs of base64, base32 and base16 hold, one text for each base."""
    found: dict[str, list[Piece]] = {"base64": [], "base32": [], "base16": []}
    for parts in _groups(text):
        # What follows the last part may be a word, and so may what is among the parts.
        if not _join(text, parts, found) and not (len(parts) > 1 and _join(text, parts[:-1], found)):
            for part in parts if len(parts) > 1 else ():
                _join(text, [part], found)
            if len(parts) == 1:
                _within(text, *parts[0], found)
    for name, runs in found.items():
        decoded = in_place(name, text, runs, strong=True)
        if decoded is not None:
            yield decoded


def _join(text: str, parts: list[tuple[int, int]], found: dict[str, list[Piece]]) -> bool:
    whole = _decoded("".join(text[start:end] for start, end in parts))
    if whole is not None:
        found[whole[0]].append(Piece(parts[0][0], parts[-1][1], whole[1]))
    return whole is not None


def _groups(text: str) -> Iterator[list[tuple[int, int]]]:
    """Yield the places of runs; those that a line's end, quotes or an operator part are together."""
    group: list[tuple[int, int]] = []
    for found in _RUN.finditer(text):
        if group and not ("=" not in text[group[-1][1] - 1] and _is_gap(text, group[-1][1], found.start())):
            yield _with_last(text, group)
            group = []
        group.append(found.span())
    if group:
        yield _with_last(text, group)


def _is_gap(text: str, start: int, end: int) -> bool:
    return end - start <= 8 and _BETWEEN.fullmatch(text, start, end) is not None


def _with_last(text: str, group: list[tuple[int, int]]) -> list[tuple[int, int]]:
    end = group[-1][1]
    gap = _BETWEEN.match(text, end) if text[end - 1] != "=" else None
    last = gap and _LAST.match(text, gap.end())
    return [*group, last.span()] if last and (len(group) > 1 or end - group[0][0] >= 40) else group


def _within(text: str, start: int, end: int, found: dict[str, list[Piece]]) -> None:
    """A run may have path segments or a prefix before what is encoded."""
    run = text[start:end]
    if any(sign in run for sign in "/_-"):
        for word in _WORD.finditer(run):
            decoded = _decoded(word[0]) if len(word[0]) < len(run) else None
            if decoded is not None:
                found[decoded[0]].append(Piece(start + word.start(), start + word.end(), decoded[1]))
                return
    if len(run) >= 24 and _MIXED.match(run):
        for skipped in (1, 2, 3):
            held = _base64(run[skipped:])
            if held is not None:
                found["base64"].append(Piece(start, end, held))
                return


def _decoded(run: str) -> tuple[str, str] | None:
    if len(run) % 2 == 0 and _HEX.fullmatch(run):
        text = readable(binascii.unhexlify(run))
        if text is not None:
            return "base16", text
    if _BASE32.fullmatch(run):
        text = _base32(run)
        if text is not None:
            return "base32", text
    text = _base64(run)
    return None if text is None else ("base64", text)


def _base64(run: str) -> str | None:
    # A text has letters of both cases in base64; names in programs seldom do.
    if run.islower() or run.isupper():
        return None
    bare = run.rstrip("=").translate(_URLSAFE)
    if len(bare) % 4 == 1:
        bare = bare[:-1]
    # The first bytes tell most words of a language from base64.
    if len(bare) < 12:
        return None
    if not _starts_readable(base64.b64decode(bare[:12])) and not _is_packed(bare):
        return None
    raw = base64.b64decode(bare + "=" * (-len(bare) % 4))
    return readable(_unpacked(raw))


def _starts_readable(raw: bytes) -> bool:
    """Return whether the first nine bytes may be those of a text, whose last character may be cut."""
    if b"\0" in raw:
        return True
    text = raw.decode("utf-8", "replace")
    return "\ufffd" not in text[:-1] and text.translate(_LINE_ENDS)[:-1].isprintable()


def _base32(run: str) -> str | None:
    bare = run.rstrip("=").upper()
    try:
        return readable(base64.b32decode(bare + "=" * (-len(bare) % 8)))
    except binascii.Error:
        return None


def _is_packed(start: str) -> bool:
    return start.startswith(("H4sI", "eJ", "eN", "eA", "eF"))


def _unpacked(raw: bytes) -> bytes:
    """Return what gzip or zlib holds, up to a limit; the bytes themselves when they are neither."""
    if not raw.startswith((b"\x1f\x8b", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")):
        return raw
    try:
        return zlib.decompressobj(wbits=47).decompress(raw, _MOST_INFLATED)
    except zlib.error:
        return raw


_85: Final = re.compile(r"(?<![!-~])[!-~]{20,}")
_B85_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_B85_VALUES: Final = {char: value for value, char in enumerate(_B85_ALPHABET)}
_A85_VALUES: Final = {chr(33 + value): value for value in range(85)}
#: A fourth of the letters of base85 are signs, so a run has some different ones at its start.
_SIGNS: Final = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_LEAST_SIGNS: Final = 3


def base85_runs(text: str) -> Iterator[Decoded]:
    """Yield what runs of Ascii85 and base85 hold."""
    found: dict[str, list[Piece]] = {"ascii85": [], "base85": []}
    for run in _85.finditer(text):
        if len(_SIGNS.intersection(run[0][:40])) < _LEAST_SIGNS:
            continue
        for name, values, decode in (
            ("ascii85", _A85_VALUES, base64.a85decode),
            ("base85", _B85_VALUES, base64.b85decode),
        ):
            decoded = _base85(run[0].strip("\"'"), values, decode)
            if decoded is not None:
                found[name].append(Piece(run.start(), run.end(), decoded))
                break
    for name, runs in found.items():
        decoded_runs = in_place(name, text, runs, strong=True)
        if decoded_runs is not None:
            yield decoded_runs


def _base85(run: str, values: dict[str, int], decode: Callable[[str], bytes]) -> str | None:
    # Four groups are decoded first, since most runs are URLs, code or words.
    if not all(_is_readable_group(run[at : at + 5], values) for at in range(0, 20, 5)):
        return None
    try:
        return readable(decode(run), least=12)
    except ValueError:
        return None


def _is_readable_group(group: str, values: dict[str, int]) -> bool:
    number = 0
    for char in group:
        if char not in values:
            return False
        number = number * 85 + values[char]
    return number < 2**32 and all(
        32 <= byte < 127 or byte in {9, 10, 13} or byte >= 0xC2 for byte in number.to_bytes(4, "big")
    )


_UU: Final = re.compile(r"[!-M][ -`]{4,84}")
_MOST_UU: Final = 85


def uu_lines(text: str) -> Iterator[Decoded]:
    """Yield what uuencoded lines hold. A line has its length in front, so few others look like one."""
    runs: list[Piece] = []
    for start, line in _lines(text):
        held = _of_uu(line)
        if held is None:
            continue
        end = start + len(line)
        if runs and runs[-1].end + 1 >= start:
            runs[-1] = Piece(runs[-1].start, end, runs[-1].text + held)
        else:
            runs.append(Piece(start, end, held))
    decoded = in_place("uuencode", text, [run for run in runs if len(run.text) >= 8], strong=True)
    if decoded is not None:
        yield decoded


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield where lines begin, with the lines; those behind a label or a mark of a quotation without it."""
    start = 0
    for line in text.split("\n"):
        label = max(line.rfind(": "), line.find("> ")) + 2
        skipped = label if label >= 2 and len(line) - label > 4 else 0
        if len(line) - skipped <= _MOST_UU:
            yield start + skipped, line[skipped:].removesuffix("\r")
        start += len(line) + 1


def _of_uu(line: str) -> str | None:
    size = ord(line[0]) - 32 if line else 0
    groups = 4 * ((size + 2) // 3)
    if not 0 < size <= 45 or not groups - 3 <= len(line) - 1 <= groups + 1 or not _UU.fullmatch(line):
        return None
    try:
        return readable(binascii.a2b_uu(line), least=1)
    except binascii.Error:
        return None


_PAIRS: Final = re.compile(r"(?:0x)?[0-9A-Fa-f]{2}(?:(?:[ :,-]|, ?0x| 0x)[0-9A-Fa-f]{2}){7,}")
_HEX_PREFIX: Final = re.compile(r"0x|[^0-9A-Fa-f]")


def hex_pairs(text: str) -> Iterator[Decoded]:
    """Yield what bytes in hexadecimal hold that have something between them."""
    runs = []
    for found in _PAIRS.finditer(text):
        held = readable(binascii.unhexlify(_HEX_PREFIX.sub("", found[0])))
        if held is not None:
            runs.append(Piece(*found.span(), held))
    decoded = in_place("hex", text, runs, strong=True)
    if decoded is not None:
        yield decoded


_BITS: Final = re.compile(r"(?<![01])[01]{7,8}(?:[ ,]?[01]{7,8})+(?![01])")
_CODES: Final = re.compile(r"(?<!\d)\d{2,3}(?:[ ,;] ?\d{2,3}){7,}(?!\d)")


def numbers(text: str) -> Iterator[Decoded]:
    """Yield what bits, and lists of code points in decimal, hold."""
    bits = [Piece(*one.span(), held) for one in _BITS.finditer(text) if (held := _of_bits(one[0])) is not None]
    codes = []
    for one in _CODES.finditer(text):
        listed = [int(code) for code in re.split(r"[ ,;]+", one[0])]
        if all(32 <= code < 127 or code in {10, 13} for code in listed):
            codes.append(Piece(*one.span(), "".join(map(chr, listed))))
    for name, runs in (("binary", bits), ("decimal", codes)):
        decoded = in_place(name, text, runs)
        if decoded is not None:
            yield decoded


def _of_bits(bits: str) -> str | None:
    groups = bits.replace(",", " ").split()
    if len(groups) > 1:
        return readable(bytes(int(group, 2) for group in groups if len(group) <= 8), least=3)
    size = 8 if len(bits) % 8 == 0 else 7
    if len(bits) % size:
        return None
    return readable(bytes(int(bits[at : at + size], 2) for at in range(0, len(bits), size)), least=3)
