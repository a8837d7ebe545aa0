"""Budgets: a scope, a window and a limit; and the spend dimensions that budgets limit.

Spend is recorded per dimension and window even without a budget, so a new budget includes the past. A dimension is
``org``, ``workflow=<name>``, ``provider=<name>`` or ``model=<name>``; a window is ``day:2026-11-22``, ``month:2026-11``
or ``total``, all in UTC. A spend field is ``<dimension>|<window>``.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Scope = Literal["org", "workflow", "provider", "model"]
Period = Literal["day", "month", "total"]
PERIODS: tuple[Period, ...] = ("day", "month", "total")


class Budget(BaseModel):
    """A spending limit for one window of one scope. ``target`` names the workflow, provider or model.

    A ``paused`` budget refuses no hold; spend is counted in its window all the same.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    org_id: str
    name: str
    scope: Scope = "org"
    target: str | None = None
    period: Period = "month"
    limit_nano: int = Field(ge=0, lt=2**53)
    paused: bool = False

    def field(self, at_ms: int) -> str:
        """Return the spend field that this budget limits at a time."""
        return spend_field(dimension(self.scope, self.target), self.period, at_ms)

    def body(self) -> dict[str, Any]:
        """Return the budget as a definition carries it; ``paused`` only where it is, as before it was known."""
        return self.model_dump(mode="json", exclude=None if self.paused else {"paused"})


def dimension(scope: Scope, target: str | None) -> str:
    """Return the dimension's name: ``org`` or ``scope=target``."""
    return "org" if scope == "org" else f"{scope}={target}"


def dimensions(workflow: str, provider: str, model: str) -> list[str]:
    """Return every dimension of one call."""
    return ["org", f"workflow={workflow}", f"provider={provider}", f"model={model}"]


def spend_field(dim: str, period: Period, at_ms: int) -> str:
    """Return the field of a dimension in the window that holds ``at_ms``."""
    return f"{dim}|{window(period, at_ms)}"


def spend_fields(workflow: str, provider: str, model: str, at_ms: int) -> list[str]:
    """Return every field that one call books into, at most 12."""
    windows = [window(period, at_ms) for period in PERIODS]
    return [f"{dim}|{w}" for dim in dimensions(workflow, provider, model) for w in windows]


def window(period: Period, at_ms: int) -> str:
    """Return the name of the window that contains ``at_ms``, in UTC."""
    if period == "total":
        return "total"
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"day:{at:%Y-%m-%d}" if period == "day" else f"month:{at:%Y-%m}"


def opens_at_ms(period: Period, at_ms: int) -> int | None:
    """Return the opening time of the next window; ``None`` for a total, which has one window."""
    if period == "total":
        return None
    midnight = datetime.fromtimestamp(at_ms / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        opens = midnight + timedelta(days=1)
    else:
        opens = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return int(opens.timestamp() * 1000)
