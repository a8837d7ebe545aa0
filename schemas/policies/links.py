"""Links in content: those that no trusted text has are a way out for data, or a trap for who reads the content."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from schemas.labels.label import Integrity
from schemas.policies.arguments import argument_labels, has_effects, sink_of
from schemas.policies.facts import ToolFacts
from schemas.policies.verbatim import stands_in
from schemas.records.base import Json

#: Links of one value that are named, and characters of it that are searched. More of either counts as a link.
MAX_LINKS = 32
MAX_CHARS = 1_000_000
TOO_MUCH = "more"

#: Endings of names that programs make links of although nothing says that they are some.
_ENDINGS = "com|net|org|info|io|co|dev|app|ai|xyz|top|link|site|online|me|ly|gg|cc|biz|eu|de|uk|fr|nl|ch|at|ru|cn|in|us"
_LABEL = r"[A-Za-z0-9\u00a1-\uffff](?:[A-Za-z0-9\u00a1-\uffff-]{0,62})"
_REST = r"""[^\s<>"'`)\]}|\\]*"""
# A name begins where no part of a name or of an address is before it; so each place is tried once.
_LINK = re.compile(
    rf"""(?:[A-Za-z][A-Za-z0-9+.-]{{1,20}}:)?//{_REST}
    |(?:javascript|data|mailto|tel|sms|vbscript):{_REST}
    |(?<![\w@./-])www\.{_REST}
    |(?<![\w@./-]){_LABEL}(?:\.{_LABEL}){{0,8}}\.[A-Za-z]{{2,24}}(?::\d{{1,5}})?/{_REST}
    |(?<![\w@./-]){_LABEL}(?:\.{_LABEL}){{0,8}}\.(?:{_ENDINGS})(?![\w.-]*[\w@])
    |(?<![\w.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?::\d{{1,5}})?/{_REST}""",
    re.VERBOSE | re.IGNORECASE,
)
#: Characters that are not seen, with which a link can be hidden from a search and still works when it is copied.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]|[\U000e0000-\U000e0fff]"
)
_ENDS = ".,;:!?*_"
#: What is left of a comment's marks.
_NONE = frozenset({"", "//"})


def links_in(text: str) -> list[str]:
    """Return the links of a text, as they are written, without the marks that end a sentence."""
    plain = text if text.isascii() else _UNSEEN.sub("", unicodedata.normalize("NFKC", text))
    # No link has white space in it, and most words have none of the marks of one.
    words = [word for word in plain.split() if "." in word or ":" in word or "//" in word]
    found = [one[0].rstrip(_ENDS) for word in words for one in _LINK.finditer(word)]
    return [link for link in found if link not in _NONE]


def links_of_arguments(facts: ToolFacts) -> dict[str, list[str]]:
    """Return the new links of what a call's sinks get and its labels do not trust, by argument."""
    labels = argument_labels(facts.args, facts.labels)
    effects = has_effects(facts.security, facts.args)
    return {
        name: new_links(value, facts.trusted)
        for name, value in facts.args.items()
        if labels[name].integrity > Integrity.USER and sink_of(facts.security, name, effects=effects)
    }


def new_links(value: Json, trusted: Sequence[str]) -> list[str]:
    """Return the links in the texts of a value that stand, as whole tokens, in none of the trusted texts.

    A link with another query is another link: what is behind the ``?`` may be the data. At most ``MAX_LINKS`` are
    named; ``TOO_MUCH`` stands for the others.
    """
    found: dict[str, None] = {}
    chars = 0
    for text in _texts(value):
        chars += len(text)
        if chars > MAX_CHARS:
            return [*found, TOO_MUCH]
        for link in links_in(text):
            if link in found or stands_in(link, trusted, 1):
                continue
            if len(found) == MAX_LINKS:
                return [*found, TOO_MUCH]
            found[link] = None
    return list(found)


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield str(key)
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
