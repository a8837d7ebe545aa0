"""Where a text has URLs: in Markdown, HTML, CSS, terminal sequences, other markups, or as they stand."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple

import re2


class Place(NamedTuple):
    """A destination as it is written, from ``start`` to ``end``. ``automatic`` when showing the text fetches it."""

    start: int
    end: int
    form: str
    automatic: bool = False


#: What a text without any of has no URL.
_HINT: Final = (
    r"(?i):[/\\]|[/\\]{2}|\]\(|\]:|url\(|@import|srcset|src\s*="
    r"|(?:script|data|mailto|sms|tel|blob|https?|hxxps?|ftp):\S"
    r"|(?:\.|\[\.\]|\(\.\)|\[dot\]| dot |\x{3002})[A-Za-z\x{a1}-\x{ffff}][\w-]*(?::\d+)?(?:[/?#]| slash )"
    r"|\d\.\d+(?::\d+)?[/?]|www\."
)
#: Attributes whose target a browser fetches by itself, and those that need a click.
_FETCHED: Final = (
    "src|srcset|imagesrcset|data|poster|background|lowsrc|dynsrc|code|codebase|archive|classid|manifest|icon"
)
_CLICKED: Final = "href|xlink:href|action|formaction|ping|cite|longdesc|profile"
_FETCHED_NAMES: Final = frozenset(_FETCHED.split("|"))
_FETCHED_TAGS: Final = frozenset({"link", "image", "use", "base", "feimage", "script", "iframe"})
_ATTRIBUTE: Final = re.compile(
    rf"(?<=[\s\"'/])(?P<name>{_FETCHED}|{_CLICKED}|content)\s{{0,8}}=\s{{0,8}}"
    r"""(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'<>]+))""",
    re.IGNORECASE,
)
_TAG: Final = re.compile(r"<\s{0,2}/?([A-Za-z][\w:-]*)")
_LONGEST_TAG: Final = 100_000
_REFRESH: Final = re.compile(r"\s*[\d.]*\s*[;,]?\s*url\s*=\s*['\"]?", re.IGNORECASE)
_SRCSET: Final = re.compile(r"[^\s,][^\s]*")
#: Parts of a URL in brackets, in which a template has words; a tag of HTML is none.
_GROUP: Final = r"\{\{?[^{}\n]{0,80}\}\}?|\[[^\[\]\n]{0,80}\]|\([^()\n]{0,80}\)|(?<=[=/])<[A-Za-z_][\w .-]{3,60}>"
_MARKDOWN: Final = re.compile(r"\]\(\s{0,4}(?:<(?P<angle>[^<>\n]*)>|(?P<bare>(?:[^\s()<>\[\]{}]|" + _GROUP + r")+))")
_REFERENCE: Final = re.compile(
    r"(?m)^[ >\t]{0,8}\[(?P<label>[^\[\]\n]{1,300})\]:\s{0,4}(?:<(?P<angle>[^<>\n]*)>|(?P<bare>\S+))"
)
_IMAGE_LABEL: Final = re.compile(r"!\[([^\[\]\n]{0,300})\](?:\[([^\[\]\n]{0,300})\])?(?!\()")
_CSS: Final = re.compile(
    r"(?:url\(\s{0,4}|@import\s{1,4}|image-set\(\s{0,4})"
    r"""(?:"(?P<double>[^"\n]*)"|'(?P<single>[^'\n]*)'|(?P<bare>[^\s"')(;]+))""",
    re.IGNORECASE,
)
#: Pictures in BBCode, AsciiDoc, reStructuredText, LaTeX, wikis and Textile.
_MARKUPS: Final = re.compile(
    r"(?:\[img[^\]\n]{0,80}\]|(?<![\w-])image::?|\.\. (?:image|figure)::\s{1,4}"
    r"|\\includegraphics(?:\[[^\]\n]{0,80}\])?\{|\{\{"
    r"""|!(?=http)|\[\[(?:image|file):)(?P<target>[^\s"'\[\]{}|!]+)""",
    re.IGNORECASE,
)
_TERMINAL: Final = re.compile("(?:\x1b\\]|\x9d)8;[^;\x07\x1b]{0,200};(?P<bare>[^\x07\x1b\x9c]+)")
_ANCHOR: Final = re.compile(
    r"[:\uff1a](?=[^\s:])|(?<![:/\\\w])(?:[/\\]{2}|/\\)(?=[\w\[%\u00a1-\uffff])"
    r"|(?:\.|\u3002|\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)| dot )"
    r"[A-Za-z\u00a1-\uffff][\w-]{1,30}(?::\d{1,5})?(?:[/?#]| slash )"
    r"|\.\d{1,3}(?::\d{1,5})?[/?]|(?<![\w.@/-])www\.",
    re.IGNORECASE,
)
#: Dots of which a text that has none is searched with a shorter pattern.
_OTHER_DOTS: Final = (" dot ", "[dot]", "(dot)", "[.]", "(.)", "{.}", "\u3002", " slash ")
_PLAIN_ANCHOR: Final = re.compile(
    r"[:\uff1a](?=[^\s:])|(?<![:/\\\w])(?:[/\\]{2}|/\\)(?=[\w\[%\u00a1-\uffff])"
    r"|\.(?:[A-Za-z\u00a1-\uffff][\w-]{1,30}(?::\d{1,5})?[/?#]|\d{1,3}(?::\d{1,5})?[/?])|(?<![\w.@/-])[wW]{3}\."
)
_SCHEME_BEFORE: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.*-]{1,20})$")
_WITHOUT_SLASHES: Final = frozenset({"http", "https", "hxxp", "hxxps", "h**p", "h**ps", "ftp", "ws", "wss"})
_NO_HOST: Final = re.compile(
    r"(?:javascript|vbscript|blob):\S|data:(?:[\w.+-]+/[\w.+-]+|[,;])|(?:mailto|sms|smsto|tel|xmpp|sips?):[\w+%@.?&=-]",
    re.IGNORECASE,
)
_HOST_CHARS: Final = re.compile(r"(?:[\w%@\u00a1-\uffff.-]|\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)| dot (?=\w))*$")
_MOST_HOST: Final = 260
_TAIL: Final = re.compile(
    r"""(?:[^\s<>"'`()\[\]{}|\\]|""" + _GROUP + r"|\\(?=[\w/\\.?#&=%])| (?:dot|slash) )*", re.IGNORECASE
)
#: In a URL that runs a program, all up to the end of the line or of the attribute belongs to it.
_PROGRAM: Final = re.compile(r"""[^\n"<>]*""")
_ENDS: Final = ".,;:!?*_~"


@cache
def _hint() -> Any:
    options = re2.Options()
    options.max_mem = 64 << 20
    # A set says whether something is there, without a search for where it begins.
    hint = re2.Set.SearchSet(options)
    hint.Add(_HINT)
    hint.Compile()
    return hint


def may_have_links(text: str) -> bool:
    """Return whether a text may have a URL; a cheap look."""
    return bool(_hint().Match(text))


def places(text: str) -> Iterator[Place]:
    """Yield every destination of a text; those that stand in a markup first, again those that are seen without it."""
    yield from _attributes(text)
    yield from _markdown(text)
    yield from _css(text)
    yield from _markups(text)
    for start, end in _plain(text):
        yield Place(start, end, "angle" if text[start - 1 : start] == "<" else "plain")


def terminal_places(text: str) -> Iterator[Place]:
    """Yield the links of OSC 8 in an original text, which canonical texts do not have."""
    if "\x1b" in text or "\x9d" in text:
        for found in _TERMINAL.finditer(text):
            yield Place(*found.span("bare"), "terminal")


def _group(found: re.Match[str], *names: str) -> tuple[int, int]:
    return next(found.span(name) for name in names if found[name] is not None)


def _attributes(text: str) -> Iterator[Place]:
    if "<" not in text or "=" not in text:
        return
    tags = list(_TAG.finditer(text))
    for at, tag in enumerate(tags):
        # A tag has what stands before the next one, so that a text is read once.
        end = min(tags[at + 1].start() if at + 1 < len(tags) else len(text), tag.end() + _LONGEST_TAG)
        for found in _ATTRIBUTE.finditer(text, tag.end(), end):
            yield from _attribute(text, tag[1].lower(), found)


def _attribute(text: str, tag: str, found: re.Match[str]) -> Iterator[Place]:
    name = found["name"].lower()
    start, end = _group(found, "double", "single", "bare")
    if name in {"srcset", "imagesrcset"}:
        for one in _SRCSET.finditer(text, start, end):
            yield Place(one.start(), one.end() - one[0].endswith(","), "srcset", automatic=True)
    elif name == "content":
        refresh = _REFRESH.match(text, start, end)
        if refresh is not None and tag == "meta":
            yield Place(refresh.end(), end, "refresh", automatic=True)
    elif end > start:
        yield Place(start, end, f"html {tag}", automatic=name in _FETCHED_NAMES or tag in _FETCHED_TAGS)


def _markdown(text: str) -> Iterator[Place]:
    if "](" in text:
        for found in _MARKDOWN.finditer(text):
            image = text.rfind("![", max(0, found.start() - 400), found.start())
            is_image = image >= 0 and text.find("](", image, found.start()) < 0
            yield Place(*_group(found, "angle", "bare"), "image" if is_image else "link", is_image)
    if "]:" in text:
        images = {(label or name).casefold() for name, label in _IMAGE_LABEL.findall(text)} if "![" in text else set()
        for found in _REFERENCE.finditer(text):
            is_image = found["label"].casefold() in images
            yield Place(*_group(found, "angle", "bare"), "reference image" if is_image else "reference", is_image)


def _css(text: str) -> Iterator[Place]:
    lower = text.lower()
    if "url(" in lower or "@import" in lower or "image-set(" in lower:
        for found in _CSS.finditer(text):
            yield Place(*_group(found, "double", "single", "bare"), "css", automatic=True)


def _markups(text: str) -> Iterator[Place]:
    for found in _MARKUPS.finditer(text) if "//" in text else ():
        if "//" in found["target"]:
            yield Place(*found.span("target"), "markup", automatic=True)


def _plain(text: str) -> Iterator[tuple[int, int]]:
    last = 0
    lower = text.lower()
    anchors = _ANCHOR if any(dot in lower for dot in _OTHER_DOTS) else _PLAIN_ANCHOR
    for anchor in anchors.finditer(text):
        if anchor.start() < last:
            continue
        span = _around(text, anchor, last)
        if span is not None and span[1] > span[0]:
            last = span[1]
            yield span


def _around(text: str, anchor: re.Match[str], last: int) -> tuple[int, int] | None:
    at = anchor.start()
    if anchor[0] not in ":\uff1a":
        return _host_around(text, anchor, last)
    scheme = _SCHEME_BEFORE.search(text, max(last, at - 24), at)
    if scheme is None:
        return None
    start = scheme.start()
    if _NO_HOST.match(text, start):
        is_program = text[start:at].lower().endswith("script") or text[start:at].lower() == "data"
        return start, _end(text, at + 1, _PROGRAM if is_program else _TAIL)
    if text[at + 1 : at + 2] in "/\\" or scheme[0].lower() in _WITHOUT_SLASHES:
        end = _end(text, at + 1, _TAIL)
        return (start, end) if end > at + 2 else None
    return None


def _host_around(text: str, anchor: re.Match[str], last: int) -> tuple[int, int] | None:
    start = anchor.start()
    if text[start] not in "/\\" and not anchor[0].lower().startswith("www"):
        before = _HOST_CHARS.search(text, max(last, start - _MOST_HOST), start)
        if before is None or before.start() == start:
            return None
        start = before.start()
    end = _end(text, max(start, anchor.start()), _TAIL)
    return (start, end) if end > anchor.start() else None


def _end(text: str, at: int, pattern: re.Pattern[str]) -> int:
    found = pattern.match(text, at)
    end = found.end() if found else at
    while end > at and text[end - 1] in _ENDS:
        end -= 1
    return end
