"""Budgets on ``cost-events``: what the fold of money must know to count for them. Key: organisation.

And what it says of them on ``workflow-events.<organisation>``.
"""

from typing import ClassVar

from schemas.budgets import Policy, Scope
from schemas.records.base import CloudEvent, Int64, Millis, Part, Record
from schemas.windows import Period, WeekDay


class BudgetDefined(Record, frozen=True, kw_only=True, tag_field="type", tag="budget.defined"):
    """A budget as it is from here on; the newest ``version`` stands. Scope, target and window never change.

    A budget with a counter of its own counts what is settled from here on; what was before comes in ``BudgetOpened``.
    ``thresholds`` are percentages of the limit that are reported.
    """

    type: ClassVar[str] = "budget.defined"
    org_id: str
    budget_id: str
    version: Int64
    name: str
    scope: Scope
    target: str | None = None
    period: Period
    timezone: str = "UTC"
    week_start: WeekDay = "monday"
    sliding: bool = False
    limit_nano: Int64
    soft_limit_nano: Int64 | None = None
    on_exceeded: Policy = "reject"
    thresholds: list[Int64] = []
    paused: bool = False


class BudgetRemoved(Record, frozen=True, kw_only=True, tag_field="type", tag="budget.removed"):
    """A budget is no more: nothing is counted for it from here on."""

    type: ClassVar[str] = "budget.removed"
    org_id: str
    budget_id: str


class BudgetOpened(Record, frozen=True, kw_only=True, tag_field="type", tag="budget.opened"):
    """What was spent of a budget before it was defined, from the ledger: ``amounts`` by the start of their window.

    They are what was settled before ``as_of_offset``, the offset at which the budget was defined; with another one the
    record is of another definition, and ignored. ``counted_since_ms`` is the time from which all is counted.
    """

    type: ClassVar[str] = "budget.opened"
    org_id: str
    budget_id: str
    as_of_offset: Int64
    amounts: dict[str, Int64] = {}
    counted_since_ms: Millis


class OrganisationArrived(Record, frozen=True, kw_only=True, tag_field="type", tag="organisation.arrived"):
    """What an organisation had spent in the cell that it comes from, and its budgets: entries of the table of money.

    ``fields`` are a part of them as they are stored. Each ``part`` of a copy counts once, and none after one of a later
    ``attempt``.
    """

    type: ClassVar[str] = "organisation.arrived"
    org_id: str
    move_id: str
    attempt: Int64
    part: Int64
    fields: dict[str, str] = {}


class ThresholdReached(Part, frozen=True, kw_only=True):
    """The data of ``BudgetThreshold``. Amounts are exact decimal strings of US dollars.

    ``threshold`` is a percentage of the limit; of a soft limit it is what that is of the limit.
    """

    budget_id: str
    budget: str
    scope: Scope
    target: str | None = None
    period: Period
    window_start: str
    threshold: Int64
    soft: bool = False
    limit_usd: str
    spent_usd: str


class BudgetThreshold(CloudEvent, frozen=True, kw_only=True, tag_field="type", tag="budget.threshold"):
    """A budget has reached a threshold."""

    type: ClassVar[str] = "budget.threshold"


BudgetEvent = BudgetDefined | BudgetRemoved | BudgetOpened | OrganisationArrived
