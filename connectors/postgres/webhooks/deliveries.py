"""Deliveries of events to webhooks: stored before they are sent, so nothing is lost while a receiver is down.

Of one webhook and subject only the oldest pending delivery may be sent, so a receiver gets the events of a run in their
order. Processes share the work by claims that end by themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from connectors.postgres.cells.places import ANSWERED
from connectors.postgres.database import Database, epoch_ms
from connectors.postgres.page_cursor import invalid_cursor
from schemas.errors import Conflict, NotFound
from schemas.values.cursors import packed, unpacked
from schemas.webhooks import DeliveryState

_SHOWN = (
    f"seq, event_id, event_type, subject, state, tries, last_status, last_error, {epoch_ms('due_at')} AS due_ms, "
    f"{epoch_ms('created_at')} AS created_ms, {epoch_ms('ended_at')} AS ended_ms"
)
_FIRSTS = (
    "SELECT DISTINCT ON (d.webhook_id, d.subject) d.seq FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook_id "
    f"WHERE d.state = 'pending' AND w.enabled AND {ANSWERED.format('d.org_id')} ORDER BY d.webhook_id, d.subject, d.seq"
)


class NewDelivery(NamedTuple):
    """An event for one webhook. ``body`` is what will be sent."""

    org_id: str
    webhook_id: str
    event_id: str
    event_type: str
    subject: str
    body: bytes


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery that this process has claimed. ``tries`` counts this one."""

    seq: int
    org_id: str
    webhook_id: str
    event_id: str
    body: bytes
    tries: int


@dataclass(frozen=True, slots=True)
class ShownDelivery:
    """A delivery as it is listed."""

    seq: int
    event_id: str
    event_type: str
    subject: str
    state: DeliveryState
    tries: int
    last_status: int | None
    last_error: str | None
    due_ms: int
    created_ms: int
    ended_ms: int | None


class WebhookDeliveries:
    """The deliveries of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, deliveries: Sequence[NewDelivery]) -> None:
        """Store deliveries in their order; one that is there already stays as it is."""
        async with self._database.transaction("store deliveries") as conn:
            await conn.executemany(
                "INSERT INTO webhook_delivery (org_id, webhook_id, event_id, event_type, subject, body) "
                # The webhook may have been removed since it was found.
                "SELECT $1, $2, $3, $4, $5, $6 WHERE EXISTS (SELECT FROM webhook WHERE id = $2 AND org_id = $1) "
                "ON CONFLICT (webhook_id, event_id) DO NOTHING",
                deliveries,
            )

    async def claim(self, most: int, lease_s: int) -> list[DueDelivery]:
        """Claim deliveries that are due, for so many seconds."""
        rows = await self._database.fetch(
            "claim deliveries",
            f"UPDATE webhook_delivery d SET tries = tries + 1, claimed_until = now() + $2 * interval '1 second' "
            f"WHERE d.seq IN (SELECT seq FROM webhook_delivery WHERE seq IN ({_FIRSTS}) AND due_at <= now() "
            "AND (claimed_until IS NULL OR claimed_until < now()) ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) "
            "AND d.state = 'pending' AND (d.claimed_until IS NULL OR d.claimed_until < now()) "
            "RETURNING seq, org_id, webhook_id, event_id, body, tries",
            *(most, lease_s),
        )
        return [DueDelivery(**row) for row in rows]

    async def delivered(self, one: DueDelivery, status: int) -> None:
        """Record that the receiver has it."""
        await self._end(one, "delivered", status, None)

    async def dead(self, one: DueDelivery, status: int | None, error: str) -> None:
        """Give up; those after it are delivered."""
        await self._end(one, "dead", status, error)

    async def again(self, one: DueDelivery, status: int | None, error: str, after_ms: int) -> None:
        """Try again after so many milliseconds."""
        await self._database.fetchrow(
            "delay a delivery",
            "UPDATE webhook_delivery SET due_at = now() + $3 * interval '1 millisecond', claimed_until = NULL, "
            "last_status = $4, last_error = $5 WHERE org_id = $1 AND seq = $2 AND state = 'pending' RETURNING seq",
            *(one.org_id, one.seq, after_ms, status, error),
        )

    async def retry(self, org_id: str, webhook_id: str, seq: int) -> ShownDelivery:
        """Send one again that was given up or delivered. Raises ``NotFound``, ``Conflict`` for one that is pending."""
        async with self._database.transaction("repeat a delivery") as conn:
            state = await conn.fetchval(
                "SELECT state FROM webhook_delivery WHERE org_id = $1 AND webhook_id = $2 AND seq = $3 FOR UPDATE",
                *(org_id, webhook_id, seq),
            )
            if state is None:
                raise NotFound(f"webhook {webhook_id} has no delivery {seq}")
            if state == "pending":
                raise Conflict(f"delivery {seq} is still being tried; see its due_at")
            row = await conn.fetchrow(
                "UPDATE webhook_delivery SET state = 'pending', tries = 0, due_at = now(), claimed_until = NULL, "
                f"ended_at = NULL WHERE org_id = $1 AND seq = $2 RETURNING {_SHOWN}",
                *(org_id, seq),
            )
        assert row is not None
        return ShownDelivery(**row)

    async def page(
        self, org_id: str, webhook_id: str, state: DeliveryState | None, limit: int, cursor: str | None
    ) -> tuple[list[ShownDelivery], str | None]:
        """Return deliveries of a webhook, the newest first, and the cursor of the next page."""
        before = _before(cursor)
        rows = await self._database.fetch(
            "list deliveries",
            f"SELECT {_SHOWN} FROM webhook_delivery WHERE org_id = $1 AND webhook_id = $2 AND ($3::text IS NULL OR "
            "state = $3) AND seq < $4 ORDER BY seq DESC LIMIT $5",
            *(org_id, webhook_id, state, before, limit + 1),
        )
        found = [ShownDelivery(**row) for row in rows[:limit]]
        return found, packed([found[-1].seq]) if len(rows) > limit else None

    async def forget(self, days: int) -> int:
        """Remove deliveries that ended more than so many days ago, at most 10,000; return how many."""
        rows = await self._database.fetch(
            "remove old deliveries",
            "DELETE FROM webhook_delivery WHERE seq IN (SELECT seq FROM webhook_delivery WHERE state <> 'pending' "
            "AND ended_at < now() - $1 * interval '1 day' LIMIT 10000) RETURNING seq",
            days,
        )
        return len(rows)

    async def _end(self, one: DueDelivery, state: DeliveryState, status: int | None, error: str | None) -> None:
        await self._database.fetchrow(
            "end a delivery",
            "UPDATE webhook_delivery SET state = $3, last_status = $4, last_error = $5, claimed_until = NULL, "
            "ended_at = now() WHERE org_id = $1 AND seq = $2 AND state = 'pending' RETURNING seq",
            *(one.org_id, one.seq, state, status, error),
        )


def _before(cursor: str | None) -> int:
    if cursor is None:
        return 2**62
    try:
        (seq,) = unpacked(cursor)
        if type(seq) is int and 0 <= seq < 2**62:
            return seq
    except ValueError:
        pass
    raise invalid_cursor()
