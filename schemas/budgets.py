"""Budgets: a scope, a window and a limit; and what is counted for them.

Spend is recorded per dimension and window even without a budget, so a new budget includes the past: a dimension is
``org``, ``workflow=<name>``, ``provider=<name>`` or ``model=<name>``; a window is ``day:2026-11-22``, ``month:2026-11``
or ``total``, all in UTC. A spend field is ``<dimension>|<window>``. Budgets of these scopes and windows share them.

Every other budget has one counter of its own, ``c:<budget id>``: dimensions and windows are not multiplied out. Its
windows are named by their starts, see ``schemas.windows``.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from schemas.money import MAX_LIMIT_NANO
from schemas.windows import Period, WeekDay, Windows

Scope = Literal[
    "org", "project", "workflow", "node", "prompt", "provider", "model", "api_key", "user", "tag"
]  # of a run's own cap, see ``services.calls.stages.hold``
#: What is done with a call that has no room.
Policy = Literal["reject", "wait", "step_down", "alert"]

SHARED_SCOPES: tuple[Scope, ...] = ("org", "workflow", "provider", "model")
SHARED_PERIODS: tuple[Period, ...] = ("day", "month", "total")
#: Percentages of the limit that are reported when a budget names none.
THRESHOLDS = (50, 75, 90, 100)

#: Tags that name the spender, and the thread of runs. Only the system writes them; a submission has fields for them.
PROJECT_TAG = "agentflow.project"
USER_TAG = "agentflow.user"
API_KEY_TAG = "agentflow.api_key"
#: The deployment whose shadow a call is.
SHADOW_TAG = "agentflow.shadow"
SESSION_TAG = "agentflow.session"
RESERVED_TAGS = frozenset({PROJECT_TAG, USER_TAG, API_KEY_TAG, SHADOW_TAG, SESSION_TAG})

COUNTER_PREFIX = "c:"


class Spender(NamedTuple):
    """What budgets can name of a call. ``node`` is ``<workflow>/<node>``; what is not known is empty."""

    workflow: str
    provider: str
    model: str
    node: str = ""
    prompt: str = ""
    tags: Mapping[str, str] = {}


class Budget(BaseModel):
    """A spending limit for one window of one scope. ``target`` names what the scope is one of.

    A ``paused`` budget refuses no hold; spend is counted in its window all the same. ``on_exceeded`` says what is done
    with a call that has no room. Above ``soft_limit_nano`` a budget that steps down does so, and others report it.
    ``thresholds`` are percentages of the limit that are reported.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    org_id: str
    name: str
    scope: Scope = "org"
    target: str | None = None
    period: Period = "month"
    limit_nano: int = Field(ge=0, le=MAX_LIMIT_NANO)
    paused: bool = False
    timezone: str = "UTC"
    week_start: WeekDay = "monday"
    sliding: bool = False
    on_exceeded: Policy = "reject"
    soft_limit_nano: int | None = Field(default=None, ge=0, le=MAX_LIMIT_NANO)
    thresholds: tuple[int, ...] = THRESHOLDS

    @property
    def windows(self) -> Windows:
        """The windows of the budget."""
        return windows_of(self.period, self.timezone, self.week_start, self.sliding)

    @property
    def is_shared(self) -> bool:
        """Whether the budget's spend is a field that is counted for everybody."""
        return is_shared(self.scope, self.windows)

    def field(self, at_ms: int) -> str:
        """Return the field that holds what is spent at a time: a spend field, or the budget's counter."""
        if not self.is_shared:
            return counter_entry(self.id)
        return spend_field(dimension(self.scope, self.target), self.period, at_ms)

    def held_field(self, at_ms: int) -> str:
        """Return the field under which a hold of a time is held."""
        return self.field(at_ms) if self.is_shared else held_field(self.id, self.windows, at_ms)

    def applies(self, call: Spender) -> bool:
        """Return whether such a call spends of this budget."""
        return applies(self.scope, self.target, call)

    def body(self) -> dict[str, Any]:
        """Return the budget as a definition carries it; what older readers do not know only where it is set."""
        added = {name for name in _ADDED if getattr(self, name) == type(self).model_fields[name].default}
        return self.model_dump(mode="json", exclude=added)


_ADDED = ("paused", "timezone", "week_start", "sliding", "on_exceeded", "soft_limit_nano", "thresholds")


@lru_cache(maxsize=1_024)
def windows_of(period: Period, zone: str, week_start: WeekDay, sliding: bool) -> Windows:
    """Return the windows of a budget with these fields."""
    return Windows(period, zone, week_start, sliding)


def is_shared(scope: Scope, windows: Windows) -> bool:
    """Return whether spend of this scope and window is counted whether a budget limits it or not."""
    plain = windows.zone == "UTC" and not windows.sliding
    return plain and scope in SHARED_SCOPES and windows.period in SHARED_PERIODS


_NAMED: Mapping[Scope, Callable[[Spender], str | None]] = {
    "workflow": lambda call: call.workflow,
    "provider": lambda call: call.provider,
    "model": lambda call: call.model,
    "node": lambda call: call.node,
    "prompt": lambda call: call.prompt,
    "project": lambda call: call.tags.get(PROJECT_TAG),
    "user": lambda call: call.tags.get(USER_TAG),
    "api_key": lambda call: call.tags.get(API_KEY_TAG),
}


def applies(scope: Scope, target: str | None, call: Spender) -> bool:
    """Return whether a scope and its target name a call."""
    if scope == "org":
        return True
    if scope == "tag":
        name, _, value = (target or "").partition("=")
        return call.tags.get(name) == value
    return _NAMED[scope](call) == target


def counter_entry(budget_id: str) -> str:
    """Return the name of a budget's own counter."""
    return f"{COUNTER_PREFIX}{budget_id}"


def booked_field(budget_id: str, start_ms: int) -> str:
    """Return how a settlement names the window of a counter that it is booked into."""
    return f"{COUNTER_PREFIX}{budget_id}|{start_ms}"


def held_field(budget_id: str, windows: Windows, at_ms: int) -> str:
    """Return the field under which a hold is held for a budget with a counter.

    All that is held counts in a sliding window, however long it is held.
    """
    entry = counter_entry(budget_id)
    return entry if windows.sliding else f"{entry}|{windows.start(at_ms)}"


def counter_text(amounts: Mapping[int, int]) -> str:
    """Return a counter as it is stored: ``start:amount`` of each window, separated by blanks."""
    return " ".join(f"{start}:{amounts[start]}" for start in sorted(amounts))


def counter_amounts(text: str) -> dict[int, int]:
    """Return the amounts of ``counter_text`` by their windows' starts."""
    return {int(start): int(amount) for start, _, amount in (pair.partition(":") for pair in text.split())}


def counted(amounts: Mapping[int, int], windows: Windows, at_ms: int) -> int:
    """Return what a counter says is spent in the window of an instant."""
    first, last = windows.counted(at_ms)
    return sum(amount for start, amount in amounts.items() if first <= start <= last)


def dimension(scope: Scope, target: str | None) -> str:
    """Return the dimension's name: ``org`` or ``scope=target``."""
    return "org" if scope == "org" else f"{scope}={target}"


def dimensions(workflow: str, provider: str, model: str) -> list[str]:
    """Return every dimension of one call that is always counted."""
    return ["org", f"workflow={workflow}", f"provider={provider}", f"model={model}"]


def spend_field(dim: str, period: Period, at_ms: int) -> str:
    """Return the field of a dimension in the window that holds ``at_ms``."""
    return f"{dim}|{window(period, at_ms)}"


def spend_fields(workflow: str, provider: str, model: str, at_ms: int) -> list[str]:
    """Return every shared field that one call books into, at most 12."""
    windows = [window(period, at_ms) for period in SHARED_PERIODS]
    return [f"{dim}|{w}" for dim in dimensions(workflow, provider, model) for w in windows]


def window(period: Period, at_ms: int) -> str:
    """Return the name of the shared window that contains ``at_ms``, in UTC."""
    if period == "total":
        return "total"
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"day:{at:%Y-%m-%d}" if period == "day" else f"month:{at:%Y-%m}"


def window_name(windows: Windows, at_ms: int) -> str:
    """Return how a budget's present window is shown."""
    if windows.period == "total":
        return "total"
    if windows.sliding:
        return f"last {windows.period}"
    if windows.zone == "UTC" and windows.period in SHARED_PERIODS:
        return window(windows.period, at_ms)
    begins = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=windows.start(at_ms))
    return f"{windows.period}:{begins:%Y-%m-%dT%H:%M:%SZ}"


def own_fields(budgets: Iterable[Budget], at_ms: int) -> list[str]:
    """Return the fields under which a hold is held for those of the budgets that have a counter."""
    return [budget.held_field(at_ms) for budget in budgets if not budget.is_shared]
