"""Waits until everything that the log has is in the tables and stores that a move copies."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connectors.kafka.archive.reading import ArchiveReader
from connectors.ports.archive import GroupAt, Where
from connectors.redis.readers.organisation_money import OrganisationMoney
from topics.catalogue import (
    AUDIT_EVENTS,
    COST_EVENTS,
    PROVIDER_CALLS,
    QUALITY_SCORES,
    ROUTE_OUTCOMES,
    RUN_EVENTS,
    RUN_VIEWS,
    TABLE_BUDGETS,
    TABLE_RUNS,
    TRACE_SPANS,
)
from topics.groups import group_of

LOOK_S = 0.5
#: By the table in Redis: its input.
_TABLES = {TABLE_RUNS: RUN_EVENTS, TABLE_BUDGETS: COST_EVENTS}
_GROUPS = {
    group_of("history"): (RUN_VIEWS,),
    group_of("audit"): (AUDIT_EVENTS,),
    group_of("analytics"): (COST_EVENTS, PROVIDER_CALLS, TRACE_SPANS, RUN_VIEWS, ROUTE_OUTCOMES, QUALITY_SCORES),
}
#: First those that others are made of: what they write is waited for after that.
_STAGES = (
    {RUN_EVENTS, COST_EVENTS},
    {RUN_VIEWS, AUDIT_EVENTS, PROVIDER_CALLS, TRACE_SPANS, ROUTE_OUTCOMES, QUALITY_SCORES},
)
_TOPICS = sorted({RUN_EVENTS, *(topic for topics in _GROUPS.values() for topic in topics)})


@dataclass(frozen=True, slots=True)
class Behind:
    """A reader that is behind."""

    reader: str
    topic: str


class CaughtUp:
    """Compares readers with the log. Every method raises ``Unavailable``."""

    def __init__(self, bootstrap: str, money: OrganisationMoney) -> None:
        self._bootstrap = bootstrap
        self._money = money

    async def wait(self, timeout_s: float) -> list[Behind]:
        """Wait until all that the log has now was read; return who is behind when the time is over."""
        until = time.monotonic() + timeout_s
        async with ArchiveReader(self._bootstrap) as reader:
            counts = await reader.partitions(_TOPICS)
            wheres = [(topic, one) for topic, count in counts.items() for one in range(count)]
            for stage in _STAGES:
                ends = await reader.ends([where for where in wheres if where[0] in stage])
                while behind := await self._behind(reader, counts, ends):
                    if time.monotonic() > until:
                        return behind
                    await asyncio.sleep(LOOK_S)
        return []

    async def _behind(
        self, reader: ArchiveReader, counts: Mapping[str, int], ends: Mapping[Where, int]
    ) -> list[Behind]:
        found = list(_groups_behind(await reader.groups(_TOPICS), ends))
        for table, topic in _TABLES.items():
            at = await self._money.folded(table, counts[topic])
            if any(at.get(where[1], 0) < end for where, end in ends.items() if where[0] == topic):
                found.append(Behind(f"table {table}", topic))
        return found


def _groups_behind(groups: Mapping[str, Mapping[Where, GroupAt]], ends: Mapping[Where, int]) -> Iterator[Behind]:
    for group, topics in _GROUPS.items():
        at = groups.get(group, {})
        for topic in topics:
            if any(at[w].offset < end if w in at else end > 0 for w, end in ends.items() if w[0] == topic):
                yield Behind(group, topic)
