"""Characters that nobody sees and a model reads: which they are, and a text without them."""

import re
from typing import Final

#: Default-ignorable code points of the Unicode Character Database, bidirectional controls, annotations, fillers, and
#: control characters other than white space. As a class of Python's ``re``.
INVISIBLE_CLASS: Final = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
INVISIBLE: Final = re.compile(f"[{INVISIBLE_CLASS}]")
#: Sequences of ECMA-48 terminals: CSI, then strings (OSC with the links of OSC 8, DCS, SOS, PM, APC), then the others.
#: A string without an end has none of the text behind it, so only its introducer is taken.
_ANSI: Final = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"
    "|(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\\\|\x9c)"
    "|\x1b[ -/]{0,4}[0-~]"
)
_ASCII_CONTROLS: Final = bytes(code for code in (*range(32), 127) if chr(code) not in "\t\n\r")
_JOINERS: Final = "\u200c\u200d\ufe0e\ufe0f"
#: Scripts in which a joiner changes what is seen: Arabic, Syriac, Mongolian, those of India.
_JOINING: Final = "\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\ua840-\ua8ff"
_PICTURES: Final = "#*0-9\u00a9\u00ae\u203c\u2049\u2100-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_SEEN_JOINER: Final = re.compile(
    f"(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}])"
    f"|(?<=[{_PICTURES}])[\ufe0e\ufe0f](?![{_JOINERS}][{_JOINERS}])"
    f"|(?<=[{_PICTURES}\ufe0f])\u200d(?=[{_PICTURES}])"
)


def visible(text: str, *, joiners: bool = False) -> str:
    """Return the text that a model may get: without invisible characters and terminal sequences, otherwise unchanged.

    ``joiners`` keeps those that change what is seen: between letters of scripts that join, inside emoji. Without them
    such a text is readable, but not as its author wrote it.
    """
    if text.isascii() and (text.isprintable() or not has_controls(text)):
        return text
    text = strip_ansi(text)
    if not joiners:
        return INVISIBLE.sub("", text)
    kept = {found.start() for found in _SEEN_JOINER.finditer(text)}
    return INVISIBLE.sub(lambda found: found[0] if found.start() in kept else "", text)


def strip_ansi(text: str) -> str:
    """Return the text without terminal sequences: colours, cursor moves, titles, and the links of OSC 8."""
    if "\x1b" not in text and (text.isascii() or not _has_c1(text)):
        return text
    return _ANSI.sub("", text)


def strip_ansi_parts(text: str) -> list[str]:
    """Return the text's characters, each of a terminal sequence as an empty text."""
    parts = list(text)
    for found in _ANSI.finditer(text):
        parts[found.start() : found.end()] = [""] * (found.end() - found.start())
    return parts


def has_controls(text: str) -> bool:
    """Return whether an ASCII text has control characters other than white space."""
    return len(text.encode().translate(None, _ASCII_CONTROLS)) != len(text)


def _has_c1(text: str) -> bool:
    return any(one in text for one in "\x90\x98\x9b\x9d\x9e\x9f")
