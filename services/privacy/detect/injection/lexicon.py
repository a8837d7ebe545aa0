"""Words of each language, by what they mean: to drop orders, to be an AI, to show a prompt.

A file of ``languages`` has one pattern in RE2's syntax for each meaning; ``\\pL`` is a letter in it. The rules put them
together.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

LANGUAGES: Final[tuple[str, ...]] = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "zh", "ja")
_FOLDER: Final = Path(__file__).parent / "languages"
#: Languages without spaces between words.
_UNSPACED: Final = frozenset(("zh", "ja"))
#: Languages in which a verb may stand at the end.
_VERB_LAST: Final = frozenset(("de", "nl", "zh", "ja"))
_COUNTED: Final = re.compile(r"\{\d+,\d+\}")
_END: Final = r".!?\n。!?"
#: What stands between words. RE2's classes of Unicode, such as ``\pL``, make programs of thousands of steps.
_EDGES: Final = r"\s\x21-\x2f:-@\[-^`{-~«»„“”‘’–—…、。,:;()「」!?"
_LETTER: Final = f"[^{_EDGES}]"


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of a language. A pattern of it never captures."""

    language: str
    words: dict[str, str]

    @property
    def verb_last(self) -> bool:
        """Whether what is ordered may stand before the verb."""
        return self.language in _VERB_LAST

    def word(self, meaning: str) -> str:
        """Return the pattern of a meaning."""
        return f"(?:{self.words[meaning]})"

    def row(self, *parts: str) -> str:
        """Return a pattern of meanings in a row within one sentence: ``row("drop", "former", "orders")``.

        A part that starts with ``(`` is a pattern itself. ``...`` instead of a meaning lets the row cross the end of a
        sentence there, as names of hosts do. What stands between is not counted, since counted repeats of all letters
        make large programs of RE2; the rules limit the whole.
        """
        found, joint = "", ""
        for part in parts:
            if part == "...":
                joint = self._joint(r"[^\n]")
                continue
            found += joint + (part if part.startswith("(") else self.word(part))
            joint = self._joint(f"[^{_END}]")
        return found

    def whole(self, pattern: str, before: str = "") -> str:
        """Return a pattern between characters that are no letters, with itself and what may stand before as group 1."""
        if self.language in _UNSPACED:
            return f"(?i)({before}(?:{pattern}))"
        return f"(?i)(?:^|[{_EDGES}])({before}(?:{pattern}))(?:[{_EDGES}]|$)"

    def somewhere(self, meaning: str) -> str:
        """Return a pattern that is in every text with a word of a meaning.

        Nothing in it is counted, so that the automaton of a set of hundreds stays small.
        """
        if not meaning:
            return r"DAN\b"
        uncounted = _COUNTED.sub("*", self.words[meaning])
        if self.language in _UNSPACED:
            return f"(?i){uncounted}"
        return f"(?i)(?:^|[{_EDGES}])(?:{uncounted})(?:[{_EDGES}]|$)"

    def _joint(self, inside: str) -> str:
        if self.language in _UNSPACED:
            return f"{inside}*?"
        edge = f"[{_EDGES}]"
        return f"{edge}(?:{inside}*?{edge})?"


@cache
def lexicon(language: str) -> Lexicon:
    """Return the words of a language of ``LANGUAGES``."""
    written = json.loads((_FOLDER / f"{language}.json").read_text("utf-8"))
    return Lexicon(language, {meaning: pattern.replace(r"\pL", _LETTER) for meaning, pattern in written.items()})
