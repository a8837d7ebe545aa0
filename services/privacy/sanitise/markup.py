"""HTML to the text that a reader sees: without programs, styles, comments, and elements that are hidden."""

import re
from html.parser import HTMLParser
from typing import Final

import nh3

from services.privacy.sanitise.errors import TextTooLarge
from services.privacy.sanitise.invisible import visible

#: Elements that go with all that is in them.
_DROPPED: Final = {
    "script",
    "style",
    "template",
    "noscript",
    "iframe",
    "object",
    "embed",
    "head",
    "title",
    "svg",
    "math",
    "select",
    "textarea",
    "audio",
    "video",
    "canvas",
}
_BLOCK_NAMES: Final = (
    "address article aside blockquote br dd div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li "
    "main nav ol p pre section table tbody td tfoot th thead tr ul"
)
_INLINE_NAMES: Final = (
    "a abbr b bdi bdo big center cite code del dfn em font i ins kbd label mark q rp rt ruby s samp small span strike "
    "strong sub sup time tt u var wbr"
)
_BLOCKS: Final = frozenset(_BLOCK_NAMES.split(" "))
_INLINE: Final = frozenset(_INLINE_NAMES.split(" "))
_VOID: Final = frozenset({"br", "hr", "wbr"})
_ATTRIBUTES: Final = {"style", "class", "id", "hidden", "aria-hidden", "color", "size", "bgcolor", "width", "height"}
_MOST_CHARS: Final = 4_000_000
_STYLES: Final = re.compile(r"(?is)<style[^>]{0,500}>(.*?)</style")
_RULE: Final = re.compile(r"([^{}]{1,400})\{([^{}]{0,4000})\}")
_SIMPLE: Final = re.compile(r"[a-z0-9]*(?:[.#][\w-]+)?$", re.IGNORECASE)
_HIDING: Final = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|opacity:0*\.?0*(?:;|$|!)|font-size:(?:0|1|2)?(?:\.\d+)?(?:px|pt|em|rem|%)?(?:;|$|!)|mso-hide:all|"
    r"(?:text-indent|left|top|right|margin-left|margin-top):-\d{3,}|clip:rect\((?:0|1)(?:px)?,?(?:0|1)|clip-path:inset\((?:50|100)%|"
    r"transform:(?:scale[xy]?\(0\)|translate[xy]?\(-\d{3,})|content-visibility:hidden"
)
_NO_ROOM: Final = re.compile(r"(?:^|;)(?:max-)?(?:height|width):0(?:px|pt|em|%)?(?:;|$|!)")
_OVERFLOW: Final = re.compile(r"overflow(?:-[xy])?:(?:hidden|clip)")
_COLOR: Final = re.compile(r"(?:^|;)color:([^;!]+)")
_BACKGROUND: Final = re.compile(r"(?:^|;)background(?:-color)?:([^;!]+)")
_RGB: Final = re.compile(r"rgba?\((\d+)[,\s]+(\d+)[,\s]+(\d+)(?:[,/\s]+([\d.]+%?))?\)|#([0-9a-f]{3,8})$")
_NAMED: Final = {
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "ghostwhite": (248, 248, 255),
    "whitesmoke": (245, 245, 245),
}
#: Colours that differ less than this in every part look the same.
_ALIKE: Final = 16
_ESCAPE: Final = re.compile(r"\\([0-9a-f]{1,6})\s?")
_COMMENT: Final = re.compile(r"/\*.*?\*/|\s+")
_BLANKS: Final = re.compile(r"[ \t\r\f\v\xa0]+")
_LINES: Final = re.compile(r" ?\n[ \n]*")


def html_text(text: str) -> str:
    """Return what a reader of an HTML document sees, as plain text with a line for each block.

    Images, their alternative texts, targets of links and fields of forms are not part of it. Raises ``TextTooLarge``.
    """
    if len(text) > _MOST_CHARS:
        raise TextTooLarge(len(text), _MOST_CHARS)
    reader = _Reader(_hiding_selectors(text))
    reader.feed(_safe(text))
    reader.close()
    lines = _LINES.sub("\n", _BLANKS.sub(" ", visible("".join(reader.parts))))
    return lines.strip()


def _safe(text: str) -> str:
    """Return the document as browsers parse it, with known elements only."""
    return nh3.clean(
        text,
        tags=set(_BLOCKS | _INLINE),
        clean_content_tags=_DROPPED,
        attributes={"*": _ATTRIBUTES},
        strip_comments=True,
        link_rel=None,
    )


def _hiding_selectors(text: str) -> frozenset[str]:
    """Return the simple selectors (``p``, ``.class``, ``#id``, ``p.class``) that style sheets of the text hide."""
    found = set()
    for sheet in _STYLES.findall(text):
        for selectors, declarations in _RULE.findall(sheet):
            if _hides(declarations, None):
                found |= {one.strip().lower() for one in selectors.split(",") if _SIMPLE.match(one.strip())}
    return frozenset(found - {""})


class _Reader(HTMLParser):
    def __init__(self, hidden_selectors: frozenset[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._selectors = hidden_selectors
        # Open elements: their names, whether they are hidden, the background behind them.
        self._open: list[tuple[str, bool, tuple[int, int, int] | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n")
        if tag in _VOID:
            return
        hidden, behind = self._open[-1][1:] if self._open else (False, None)
        given = {name: value or "" for name, value in attrs}
        style = _plain_style(given)
        behind = _background(style) or behind
        self._open.append((tag, hidden or self._is_hidden(tag, given, style, behind), behind))

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n")
        if self._open and self._open[-1][0] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if not self._open or not self._open[-1][1]:
            self.parts.append(data)

    def _is_hidden(self, tag: str, given: dict[str, str], style: str, behind: tuple[int, int, int] | None) -> bool:
        if "hidden" in given or given.get("aria-hidden", "").lower() == "true" or given.get("size") == "0":
            return True
        names = [f".{one}" for one in given.get("class", "").lower().split()]
        names += [f"#{given['id'].lower()}"] if "id" in given else []
        if self._selectors and not self._selectors.isdisjoint({tag, *names, *(tag + name for name in names)}):
            return True
        return bool(style) and _hides(style, behind)


def _plain_style(given: dict[str, str]) -> str:
    style = _ESCAPE.sub(lambda one: chr(int(one[1], 16) & 0xFFFF), given.get("style", "").lower())
    style = _COMMENT.sub("", style)
    for name, attribute in (("color", "color"), ("background-color", "bgcolor")):
        if attribute in given and f"{name}:" not in style:
            style += f";{name}:{given[attribute].lower()}"
    return style


def _hides(declarations: str, behind: tuple[int, int, int] | None) -> bool:
    style = re.sub(r"\s+", "", declarations.lower())
    if _HIDING.search(style) or (_NO_ROOM.search(style) and _OVERFLOW.search(style)):
        return True
    found = _COLOR.search(style)
    if found is None:
        return False
    if found[1] == "transparent":
        return True
    color = _rgb(found[1])
    ground = _background(style) or behind or (255, 255, 255)
    return color is not None and all(abs(one - other) < _ALIKE for one, other in zip(color, ground, strict=True))


def _background(style: str) -> tuple[int, int, int] | None:
    found = _BACKGROUND.search(style)
    return None if found is None else _rgb(found[1])


def _rgb(value: str) -> tuple[int, int, int] | None:
    if value in _NAMED:
        return _NAMED[value]
    found = _RGB.match(value)
    if found is None:
        return None
    if found[5] is None:
        return int(found[1]), int(found[2]), int(found[3])
    digits = found[5] if len(found[5]) >= 6 else "".join(2 * digit for digit in found[5])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
