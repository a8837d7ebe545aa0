"""Links of a text, in every form in which a program or a reader may follow them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from services.privacy.sanitise.canonical import LIMITS, Layer, Limits, layers
from services.privacy.sanitise.links.data import Carried, carried_by
from services.privacy.sanitise.links.places import Place, may_have_links, places, terminal_places
from services.privacy.sanitise.links.urls import ACTIVE, allows, is_address, url_of

__all__ = ["REMOVED", "Carried", "Link", "links", "links_in", "without_links"]

#: What stands for a removed link.
REMOVED: Final = "[link removed]"
#: Removing a link can leave another one; none is left after so many rounds, or the rest is taken out as well.
_ROUNDS: Final = 4
#: Encodings that no program uses for the links of its texts. Words in a cipher have dots and slashes by chance.
ODD_ENCODINGS: Final = frozenset(
    {
        "rot",
        "reversed",
        "reversed-words",
        "atbash",
        "morse",
        "braille",
        "nato",
        "zero-width",
        "variation",
        "binary",
        "decimal",
    }
)
_WRITTEN: Final = re.compile(r"(?:h(?:tt|xx)ps?|ftp|wss?)\s?:|www\.|(?:data|javascript|mailto):", re.IGNORECASE)


@dataclass(frozen=True)
class Link:
    """A link from ``start`` to ``end`` of the original text.

    ``url`` is as a browser reads it; ``host`` is empty for those that have none. ``form`` is how it stands in the text:
    ``plain``, ``angle``, ``image``, ``link``, ``reference``, ``srcset``, ``css``, ``refresh``, ``html <tag>``,
    ``markup``, ``terminal``. ``automatic`` when showing the text is enough to fetch it. ``carried`` says whether it
    carries data, ``disguises`` what hides where it leads, ``via`` the encodings in which it was.
    """

    url: str
    host: str
    form: str
    start: int
    end: int
    automatic: bool
    carried: Carried
    disguises: frozenset[str] = frozenset()
    via: tuple[str, ...] = ()

    @property
    def carries_data(self) -> bool:
        """Whether something in it is long or odd enough to be data."""
        return self.carried > Carried.NOTHING

    @property
    def hidden(self) -> bool:
        """Whether it stood in an encoding that no program uses for links."""
        return not ODD_ENCODINGS.isdisjoint(map(_family, self.via))

    @property
    def scheme(self) -> str:
        """The scheme, in lower case."""
        return self.url.partition(":")[0]


def links(text: str, limits: Limits = LIMITS) -> list[Link]:
    """Return the links of a text, those inside of encodings too, by place. Raises ``TextTooLarge``, ``TooDeep``."""
    return links_in(text, layers(text, limits))


def links_in(text: str, its_layers: Sequence[Layer]) -> list[Link]:
    """Return the links of a text whose layers are known."""
    found: list[Link] = []
    taken: set[tuple[int, str]] = set()
    for layer in its_layers:
        # Accents and lookalikes of a host are its own; the first layer has the link.
        if layer.via != ("folded",) and may_have_links(layer.text):
            _add(found, taken, (_link(text, layer, place) for place in places(layer.text)))
    original = Layer(text)
    _add(found, taken, (_link(text, original, place) for place in terminal_places(text)))
    return sorted(found, key=lambda one: (one.start, one.end))


def _add(found: list[Link], taken: set[tuple[int, str]], those: Iterable[Link | None]) -> None:
    """Add links that are not known from their markup, or from an outer layer.

    What a link carries is seen best where it is decoded furthest, so one that carries more than before is added again.
    """
    for link in those:
        if link is None:
            continue
        keys = {(link.start, link.host), (-link.end, link.host)}
        if taken.isdisjoint(keys) or (link.via and link.carried > Carried.SOME):
            found.append(link)
        taken |= keys


def _link(text: str, layer: Layer, place: Place) -> Link | None:
    written = layer.text[place.start : place.end]
    url = url_of(written if "//" in written or ":" in written or place.form != "plain" else f"//{written}")
    if url is None or (ODD_ENCODINGS.intersection(map(_family, layer.via)) and not _WRITTEN.match(written)):
        return None
    start, end = layer.span(place.start, place.end)
    disguises = set(url.disguises)
    if url.host.isascii() and not layer.via and not text[start:end].isascii() and written.isascii():
        disguises.add("lookalike")
    if is_address(url.host):
        disguises.add("address")
    return Link(
        url.text, url.host, place.form, start, end, place.automatic, carried_by(url), frozenset(disguises), layer.via
    )


def _family(name: str) -> str:
    return "rot" if name.startswith("rot") else name


def without_links(text: str, allowed_hosts: Iterable[str] = (), limits: Limits = LIMITS) -> str:
    """Return the text with ``REMOVED`` for each link to a host that is not allowed, and for those without a host.

    ``allowed_hosts`` are names in lower case; ``*.example.com`` allows all below it. A link that was encoded goes with
    its encoding. Raises ``TextTooLarge``, ``TooDeep``.
    """
    allowed = frozenset(host.lower() for host in allowed_hosts)
    for _ in range(_ROUNDS):
        spans = [
            (one.start, one.end) for one in links(text, limits) if one.scheme in ACTIVE or not allows(allowed, one.host)
        ]
        if not spans:
            break
        text = _replaced(text, spans)
    return text


def _replaced(text: str, spans: Sequence[tuple[int, int]]) -> str:
    parts: list[str] = []
    end = 0
    for start, stop in spans:
        if start >= end:
            parts += (text[end:start], REMOVED)
        end = max(end, stop)
    return "".join([*parts, text[end:]])
