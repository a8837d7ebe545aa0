"""Facts of providers that an organisation states, and reports of evidence."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from schemas.api_models.base import Answer, Request
from schemas.compliance.facts import MAX_ENTRIES, FactsEntry


class PutProviderFacts(Request):
    """All facts of providers that the organisation states: the next version, in place of the one before."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "providers": [
                        {
                            "route": "openai/*",
                            "regions": ["eu"],
                            "retention_days": 0,
                            "trains": False,
                            "source": "contract 4711, annex 2",
                        }
                    ]
                }
            ]
        },
    )

    providers: Annotated[list[FactsEntry], Field(max_length=MAX_ENTRIES)]


class KnownProvider(Answer):
    """The facts of a route. ``null``: nobody says, and a demand for it is not met. ``sources`` are by field."""

    route: str
    regions: list[str] | None
    retention_days: int | None
    trains: bool | None
    certifications: list[str] | None
    sources: dict[str, str]


class ProviderFactsAnswer(Answer):
    """The facts that an organisation states of providers; ``version`` is 0 before it did.

    ``providers`` are its entries as they were sent, ``shipped`` those that come along, ``known`` what follows for each
    route that these name exactly.
    """

    version: int
    created_by: str
    created_at: str | None
    providers: list[dict[str, Any]]
    shipped: list[dict[str, Any]]
    known: list[KnownProvider]


class FactsVersionLine(Answer):
    """One version of an organisation's facts."""

    version: int
    created_by: str
    created_at: str | None
    entries: int


class FactsVersionPage(Answer):
    """All versions, the newest first."""

    versions: list[FactsVersionLine]
