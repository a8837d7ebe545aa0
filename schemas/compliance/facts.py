"""What is known of providers: where they process data, how long they keep it, and whether they train on it.

Facts are by route. An organisation states its own, which go before the shipped ones, field by field; of two entries the
one that names the route more exactly goes first. What nobody states is unknown, and a rule that needs it refuses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.policies.patterns import matches

#: What one record of the log holds beside other fields.
MAX_ENTRIES = 500
#: The region of what runs in this installation: data that is sent there does not leave.
OWN: str = "own"

#: A region, from the largest part to the smallest: ``eu``, ``eu-west-1``, ``us-east4``. A part is within its beginning.
Region = Annotated[str, Field(pattern=r"^[a-z0-9]{2,16}(-[a-z0-9]{1,16}){0,4}$")]
#: ``provider``, ``provider/model``, or with ``*`` for any characters.
RoutePattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/*@-]{1,256}$")]
Certification = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class ProviderFacts(BaseModel):
    """Facts of a provider, or of some of its routes. A field that is not set is left to less exact entries.

    A field that is set to null is unknown, whatever those say. ``regions`` are all in which a request may be processed
    or kept. ``retention_days`` is how long requests and answers are kept at most, abuse monitoring included; 0: not at
    all. ``source`` says where that stands: an address, or the number of a contract.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    regions: Annotated[tuple[Region, ...], Field(min_length=1, max_length=32, strict=False)] | None = None
    retention_days: Annotated[int, Field(ge=0, le=36_500)] | None = None
    trains: bool | None = None
    certifications: Annotated[tuple[Certification, ...], Field(max_length=64, strict=False)] | None = None
    source: Annotated[str, Field(max_length=500)] = ""


#: The fields that are facts.
FIELDS = ("regions", "retention_days", "trains", "certifications")


class FactsEntry(ProviderFacts):
    """Facts of the routes that a pattern names."""

    route: RoutePattern


class FactsDocument(BaseModel):
    """All facts that an organisation states: one version."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    providers: Annotated[tuple[FactsEntry, ...], Field(max_length=MAX_ENTRIES, strict=False)] = ()

    @model_validator(mode="after")
    def _names_each_route_once(self) -> Self:
        routes = [one.route for one in self.providers]
        twice = next((one for one in routes if routes.count(one) > 1), None)
        if twice is not None:
            raise ValueError(f"providers names {twice} twice; keep one of them")
        return self

    def body(self) -> dict[str, Any]:
        """Return the document as JSON values. A null that is written stays: it says that something is unknown."""
        return self.model_dump(mode="json", exclude_unset=True)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one route; ``None``: nobody says. ``sources`` are those of the entries, by field."""

    regions: tuple[str, ...] | None = None
    retention_days: int | None = None
    trains: bool | None = None
    certifications: tuple[str, ...] | None = None
    sources: tuple[tuple[str, str], ...] = ()


NOTHING = Known()


class Facts:
    """The facts of one organisation: its own over the shipped ones. ``version`` is that of its own; 0 without any."""

    def __init__(self, shipped: FactsDocument, own: FactsDocument | None = None, version: int = 0) -> None:
        self.version = version
        self.own = own or FactsDocument()
        self._entries = (*_ordered(self.own.providers), *_ordered(shipped.providers))
        self._known: dict[str, Known] = {}

    def of(self, provider: str, model: str) -> Known:
        """Return what is known of a route. An empty ``model`` is any of the provider's: no entry for one names it."""
        route = f"{provider}/{model}"
        found = self._known.get(route)
        if found is None:
            if len(self._known) >= 4_096:
                self._known.clear()
            found = self._known[route] = self._of(route)
        return found

    def _of(self, route: str) -> Known:
        values: dict[str, Any] = {}
        sources = []
        for entry in self._entries:
            if names(entry.route, route):
                for field in FIELDS:
                    if field in entry.model_fields_set and field not in values:
                        values[field] = getattr(entry, field)
                        sources.append((field, entry.source))
        return Known(**values, sources=tuple(sources)) if values else NOTHING


def names(pattern: str, route: str) -> bool:
    """Return whether a pattern names a route; one without ``/`` names all of a provider's."""
    return matches((pattern,), route if "/" in pattern else route.partition("/")[0])


def _ordered(entries: Sequence[FactsEntry]) -> Iterator[FactsEntry]:
    """Yield entries, the most exact first: without stars, then with more characters beside them."""
    yield from sorted(entries, key=lambda one: ("*" in one.route, "/" not in one.route, -len(one.route), one.route))


class StoredFacts(BaseModel):
    """A version of an organisation's facts, as its definition carries it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Annotated[int, Field(ge=1)]
    facts: FactsDocument

    def body(self) -> dict[str, Any]:
        """Return the version as a definition carries it."""
        return {"version": self.version, "facts": self.facts.body()}
