"""The section ``compliance`` of a policy: what an organisation demands of the providers that get data of a class."""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from schemas.compliance.facts import Certification, Region, RoutePattern
from schemas.records.security.pinned import Mode

#: In place of a class: all data.
ANY_CLASS: Final = "*"
#: In place of a region: any that is known.
ANY_REGION: Final = "*"
MAX_CLASSES = 40
#: What the ids of demands as rules begin with, see ``schemas.policies.compliance``.
PREFIX: Final = "compliance/"

DataClass = Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9_.-]{0,63})$")]
_Regions = Annotated[tuple[Region | Annotated[str, Field(pattern=r"^\*$")], ...], Field(max_length=32, strict=False)]
_Routes = Annotated[tuple[RoutePattern, ...], Field(max_length=32, strict=False)]
_Certifications = Annotated[tuple[Certification, ...], Field(min_length=1, max_length=16, strict=False)]
#: A route that can be called: no pattern.
_Exact = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:@-]{1,128}/[A-Za-z0-9_.:/@-]{1,128}$")]


class Compliance(BaseModel):
    """Demands by data class; ``*`` is all data. A fact of a provider that is not known meets no demand.

    - ``residency``: the regions in which data of a class may be processed. ``eu`` is ``eu-west-1``, too, and what runs
      in this installation (``own``) is always allowed. ``*`` is any region that is known;
    - ``providers``: the routes that may get it, ``provider``, ``provider/model`` or with ``*``;
    - ``retention``: how many days a provider may keep it at most;
    - ``no_training``: classes that go to no provider which trains on what it gets;
    - ``certifications``: all that a provider must have, such as ``iso27001``;
    - ``reroute``: routes that are tried in this order for a call that may not go where it would go. Without any, such
      a call is denied, unless its node leaves the choice of the model open.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    mode: Mode = "enforce"
    residency: Annotated[dict[DataClass, _Regions], Field(max_length=MAX_CLASSES)] = {}
    providers: Annotated[dict[DataClass, _Routes], Field(max_length=MAX_CLASSES)] = {}
    retention: Annotated[dict[DataClass, Annotated[int, Field(ge=0, le=36_500)]], Field(max_length=MAX_CLASSES)] = {}
    no_training: Annotated[tuple[DataClass, ...], Field(max_length=MAX_CLASSES, strict=False)] = ()
    certifications: Annotated[dict[DataClass, _Certifications], Field(max_length=MAX_CLASSES)] = {}
    reroute: Annotated[tuple[_Exact, ...], Field(max_length=16, strict=False)] = ()

    @property
    def classes(self) -> frozenset[str]:
        """The classes of which something is demanded."""
        found: list[Mapping[str, object]] = [self.residency, self.providers, self.retention, self.certifications]
        return frozenset(name for one in found for name in one) | frozenset(self.no_training)

    @property
    def demands(self) -> bool:
        """Whether anything is demanded at all."""
        return bool(self.classes)

    def over(self, below: "Compliance") -> "Compliance":
        """Return the demands of both; of one class and kind this one's, and this one's mode."""
        return Compliance(
            mode=self.mode,
            residency={**below.residency, **self.residency},
            providers={**below.providers, **self.providers},
            retention={**below.retention, **self.retention},
            no_training=tuple(dict.fromkeys((*below.no_training, *self.no_training))),
            certifications={**below.certifications, **self.certifications},
            reroute=self.reroute or below.reroute,
        )


def is_demand(rule: str) -> bool:
    """Return whether an id is that of such a rule."""
    return rule.startswith(PREFIX)


def class_of(rule: str) -> str:
    """Return the data class that a demand is about; ``*`` for all data."""
    return rule.partition(".")[2] or ANY_CLASS
