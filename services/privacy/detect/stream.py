"""Searches a text that comes in pieces: nothing leaves before it is certain that it is no part of a finding.

1. What has come is searched together with the last characters that have left, which are its context.
2. The end is held back as far as it may become a finding: the last word, and numbers and names before it, at most
   ``HOLD`` characters.
3. What has begun is held back from its beginning, however long it is: a finding that reaches the end, a private key
   without its last line, a long random word. A secret that is longer than ``LONGEST`` refuses the stream.

So a secret that is split anywhere is found whole, and plain text is late by at most ``HOLD`` characters.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from schemas.privacy.findings import Finding
from services.privacy.detect.errors import DetectorFailed
from services.privacy.detect.ports import Engine
from services.privacy.detect.secrets.blocks import KEY_BEGIN, KEY_END, body_end
from services.privacy.detect.secrets.randomness import random_looking

#: Characters of plain text that are held back at most, and those that stay as context when they have left.
HOLD: Final = 64
CONTEXT: Final = 256
#: A secret of more characters refuses the stream. Private keys have up to 13,000.
LONGEST: Final = 32_768
#: A random word without the mark of a key: longer ones are files in Base64, which are let pass.
_LONGEST_WORD: Final = 4_096
_SAMPLE: Final = 48

_SPACES: Final = re.compile(r"\s+")
#: A word that is no part of a value of several words. Values have digits, capitals or signs.
_PLAIN: Final = re.compile(r"(?:^|[\s\"'(])[a-z]{2,}[,)]?$")
_JOINTS: Final = re.compile(r"[._:/@=&?-]")
_ENDS: Final = (".", "!", "?", ";", ":")
#: Between the lines of a private key, also written out. Behind its first line prose may follow, which is not held back.
_BETWEEN: Final = " \r\n\\\"'`,+"
_LONGEST_LINE: Final = 100
_PROSE: Final = re.compile(r"[a-z]{2,} [a-z]{2,} ")
#: Links and pictures are random without being secret, unless they are addresses of webhooks or have a password.
_LINK: Final = re.compile(r"data:[a-z]|https?://(?!hooks?\.|[^/]*(?:discord|webhook|chat\.googleapis)|[^/]*:\D)")
_HASH: Final = re.compile(r"(?i)(?:sha(?:1|256|384|512)|md5)[:=-]")
#: Base64 at the beginning of a line is a file in an e-mail, unless a secret is named before it.
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+=*$")
_NAMES: Final = re.compile(r"(?i)secret|token|passw|key|credential|auth")
_NEAR: Final = 80
_WORD_BREAK: Final = re.compile(r"[\s\"'`<>()\[\]{},;]")


class Piece(NamedTuple):
    """Text that may leave. ``start`` is its place in the stream; the spans of ``findings`` are within ``text``."""

    text: str
    start: int
    findings: list[Finding]


class StreamScan:
    """Takes the pieces of one stream in order."""

    def __init__(self, detectors: Engine) -> None:
        self._detectors = detectors
        self._text = ""
        #: Where in ``_text`` that begins which has not left, and where ``_text`` begins in the stream.
        self._left = 0
        self._start = 0

    @property
    def held(self) -> int:
        """How many characters are held back."""
        return len(self._text) - self._left

    def feed(self, text: str) -> Piece:
        """Return what may leave once this piece is there. Raises ``DetectorFailed``; then nothing more may leave."""
        self._text += text
        found = self._detectors.find(self._text)
        cut = self._cut(found)
        if len(self._text) - cut > LONGEST:
            raise DetectorFailed(
                "too_large", f"a secret in the stream has over {LONGEST} characters: nothing was let pass"
            )
        return self._leave(cut, found)

    def end(self) -> Piece:
        """Return what is left when nothing more comes. Raises ``DetectorFailed``."""
        return self._leave(len(self._text), self._detectors.find(self._text))

    def _cut(self, found: Sequence[Finding]) -> int:
        """Return up to where the text may leave."""
        cut = min(tail_start(self._text, self._left), self._key_start())
        for one in sorted(found, key=lambda one: one.end, reverse=True):
            if one.end > cut or one.end == len(self._text):
                cut = min(cut, one.start)
        return max(cut, self._left)

    def _key_start(self) -> int:
        """Return where a private key starts that has not ended."""
        begin = next(reversed(list(KEY_BEGIN.finditer(self._text, self._left))), None)
        if begin is None or KEY_END.search(self._text, begin.end()) is not None:
            return len(self._text)
        rest = self._text[body_end(self._text, begin.end()) :].lstrip(_BETWEEN)
        goes_on = rest.startswith("-") or (len(rest) <= _LONGEST_LINE and _PROSE.search(rest) is None)
        return begin.start() if goes_on else len(self._text)

    def _leave(self, cut: int, found: Sequence[Finding]) -> Piece:
        text, begin = self._text[self._left : cut], self._left
        inside = [
            msgspec.structs.replace(one, start=max(0, one.start - begin), end=one.end - begin)
            for one in found
            if one.end > begin and one.end <= cut
        ]
        piece = Piece(text, self._start + begin, inside)
        drop = max(0, cut - CONTEXT)
        self._text, self._left, self._start = self._text[drop:], cut - drop, self._start + drop
        return piece


def tail_start(text: str, least: int) -> int:
    """Return where the end of a text starts that may become a finding when more comes, not before ``least``."""
    word = _last_word(text)
    if len(text) - word > HOLD:
        return max(least, word if _may_be_secret(text, word) else len(text) - HOLD)
    lowest = max(least, len(text) - HOLD)
    return _value_start(text, lowest)


def _may_be_secret(text: str, start: int) -> bool:
    """Return whether a long word at the end of a text is held whole: it is random, and none of a file, link or hash."""
    word = text[start:]
    if len(word) > _LONGEST_WORD or _LINK.match(word) or _HASH.search(word) or not _random(word):
        return False
    before = text[max(0, start - _NEAR) : start]
    in_file = before.endswith("base64,") or (before.endswith("\n") and _BASE64.match(word) is not None)
    return not in_file or _NAMES.search(before) is not None


def _random(word: str) -> bool:
    """Return whether a long word is random at its beginning, at its end, or in one of its parts."""
    return any(map(random_looking, (word[:_SAMPLE], word[-_SAMPLE:], *_JOINTS.split(word))))


def _last_word(text: str) -> int:
    at = len(text)
    while at > 0 and _WORD_BREAK.match(text[at - 1]) is None:
        at -= 1
    return at


def _value_start(text: str, least: int) -> int:
    """Return where the last words start that may be parts of one value: none of them is plain, or ends a sentence."""
    for gap in reversed(list(_SPACES.finditer(text, least))):
        before = text[least : gap.start()]
        if "\n" in gap[0] or _PLAIN.search(before) or before.endswith(_ENDS):
            return gap.end()
    return least
