"""Policy replays of an organisation: reads the calls of a window and their prices, and compares off the event loop."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from connectors.clickhouse.policy_calls import CallRow
from connectors.postgres.policies.facts import FactsVersion
from connectors.prices.book import PriceBook
from schemas.api_models.traces.policies import PolicyDocument, PolicyReport
from schemas.compliance.facts import Facts, FactsDocument
from schemas.compliance.shipped import SHIPPED
from schemas.errors import InvalidInput, Problem
from schemas.records.base import USAGE_KINDS, Usage
from services.observability.replay.policy.calls import RecordedCall, Route
from services.observability.replay.policy.pack import Pack, pack_policy
from services.observability.replay.policy.report import compared

#: The newest calls of a window that are replayed at most; each costs 30 microseconds of a core.
MAX_CALLS = 200_000
_MAX_WINDOW_MS = 90 * 86_400_000


class CallWindow(NamedTuple):
    """The calls of an organisation whose holds are from a time on and before another, of one workflow or of all."""

    org_id: str
    from_ms: int
    to_ms: int
    workflow: str = ""
    limit: int = MAX_CALLS


class CallRows(Protocol):
    """Where calls are read, see ``connectors.clickhouse.policy_calls``."""

    async def rows(self, org_id: str, from_ms: int, to_ms: int, workflow: str, limit: int) -> list[CallRow]:
        """Return the newest calls in the order of their holds. Raises ``Unavailable``."""
        ...


class BookedPrices(Protocol):
    """Where prices are read, see ``services.prices.stored``."""

    async def booked(self, org_id: str, price_version: str) -> PriceBook:
        """Return the prices under which money was held. Raises ``Unavailable``."""
        ...


class StatedFacts(Protocol):
    """What an organisation states of providers, see ``connectors.postgres.policies.facts``."""

    async def newest(self, org_id: str) -> FactsVersion | None:
        """Return the newest version, ``None`` without. Raises ``Unavailable``."""
        ...


class PolicyReplays:
    """Replays policies. ``known`` are facts of providers that hold of all organisations."""

    def __init__(
        self, rows: CallRows, prices: BookedPrices, facts: StatedFacts, known: FactsDocument = SHIPPED
    ) -> None:
        self._rows = rows
        self._prices = prices
        self._facts = facts
        self._known = known

    async def replay(self, window: CallWindow, policy: PolicyDocument) -> PolicyReport:
        """Return what a policy would have led to.

        Raises ``InvalidInput`` for a window that is none or without calls and for a pack that cannot be read, and
        ``Unavailable``.
        """
        _check(window)
        pack = await self._pack(window.org_id, policy.guard.pack)
        rows = await self._rows.rows(window.org_id, window.from_ms, window.to_ms, window.workflow, window.limit)
        calls = list(map(recorded_call, rows))
        if not calls:
            fix = "take a longer window (since), or leave out the workflow"
            raise InvalidInput.of(Problem("since", "there is no recorded call in this window", fix))
        books = await self._books(window.org_id, calls)
        bounds = (min(calls[0].at_ms, window.to_ms), window.to_ms)
        if len(calls) < window.limit:
            bounds = (window.from_ms, window.to_ms)
        started = time.perf_counter()
        report = await asyncio.to_thread(compared, calls, policy, books, bounds, pack)
        return report.model_copy(update={"took_s": time.perf_counter() - started})

    async def _pack(self, org_id: str, document: Mapping[str, Any] | None) -> Pack | None:
        if document is None:
            return None
        read = pack_policy(document)
        stated = await self._facts.newest(org_id)
        facts = Facts(self._known, None if stated is None else stated.stored.facts)
        return Pack(org_id, read, facts)

    async def _books(self, org_id: str, calls: Sequence[RecordedCall]) -> Mapping[str, PriceBook]:
        versions = {call.price_version for call in calls}
        return {version: await self._prices.booked(org_id, version) for version in versions}


def recorded_call(row: CallRow) -> RecordedCall:
    """Return a row as policies are replayed over it. A row without a node's name has it in its step's id."""
    return RecordedCall(
        call_id=row.call_id,
        run_id=row.run_id,
        at_ms=row.at_ms,
        workflow=row.workflow,
        node=row.node or node_of(row.step_id),
        prompt=row.prompt,
        route=Route(row.provider, row.model),
        usage=Usage(**dict(zip(USAGE_KINDS, row.usage, strict=True))),
        amount_nano=row.amount_nano,
        price_version=row.price_version,
        priced_as=row.priced_as,
        computed=row.computed,
        cached=row.cached,
        saved_nano=row.saved_nano,
        request=row.request,
        latency_ms=row.latency_ms,
        score=row.score,
        tags=row.tags,
        labels=row.labels,
    )


def node_of(step_id: str) -> str:
    """Return the node of a step: ``each`` of ``each[3]``, ``draft`` of ``again~2/draft``, ``bot`` of ``bot/turn-1``."""
    head, _, tail = step_id.partition("/")
    return (tail if "~" in head and tail else head).partition("[")[0].partition("/")[0]


def _check(window: CallWindow) -> None:
    if window.from_ms >= window.to_ms:
        raise InvalidInput.of(Problem("until", "is not after since", "give a later time, or leave it out"))
    if window.to_ms - window.from_ms > _MAX_WINDOW_MS:
        raise InvalidInput.of(Problem("since", "the window is longer than 90 days", "take a shorter one"))
