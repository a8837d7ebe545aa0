"""Sends deliveries that are due, and decides what follows from the answers.

=====================================  =================================================================================
answer                                 what follows
=====================================  =================================================================================
2xx                                    delivered
410                                    given up, and the webhook is disabled: its receiver wants no more
any other status, no answer, timeout   again after ``schemas.webhooks.RETRY_AFTER_MS``, or later if ``Retry-After`` says
                                       so; given up after the last one, a day after the first
an address that may not be reached     the same, since a name may lead elsewhere tomorrow
=====================================  =================================================================================

A claim lasts longer than a request can take. A process that dies leaves its claims, and another one sends them again,
with the same id; so a receiver gets each event at least once.
"""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Protocol

from connectors.http.webhook_sender import TIMEOUT_S, Answered
from connectors.ports.engine import Clock
from connectors.postgres.webhooks.deliveries import DueDelivery
from connectors.postgres.webhooks.stored import Target
from schemas.errors import Rejected
from schemas.webhooks import headers, retry_after_ms

GONE = 410
LEASE_S = int(2 * TIMEOUT_S)
#: So many are sent at the same time by one process.
TOGETHER = 20
#: The longest that a receiver's ``Retry-After`` counts.
LONGEST_WAIT_MS = 6 * 3_600_000


class Targets(Protocol):
    """See ``connectors.postgres.webhooks.stored.Webhooks``."""

    async def target(self, org_id: str, webhook_id: str) -> Target | None:
        """Return where to send, ``None`` for a webhook that is gone or disabled."""
        ...

    async def disable(self, org_id: str, webhook_id: str, reason: str) -> None:
        """Send nothing to it any more."""
        ...


class Due(Protocol):
    """See ``connectors.postgres.webhooks.deliveries.WebhookDeliveries``."""

    async def claim(self, most: int, lease_s: int) -> list[DueDelivery]:
        """Claim deliveries that are due."""
        ...

    async def delivered(self, one: DueDelivery, status: int) -> None:
        """Record that the receiver has it."""
        ...

    async def dead(self, one: DueDelivery, status: int | None, error: str) -> None:
        """Give up."""
        ...

    async def again(self, one: DueDelivery, status: int | None, error: str, after_ms: int) -> None:
        """Try again later."""
        ...


class Sender(Protocol):
    """See ``connectors.http.webhook_sender.WebhookSender``."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        """Send; whatever goes wrong is in the answer."""
        ...


class Observer(Protocol):
    """Counts what became of tries."""

    def tried(self, outcome: str) -> None:
        """``outcome``: delivered, again, dead, gone."""
        ...


class Deliverer:
    """Sends what is due. ``spread`` is a source of numbers from 0 to 1."""

    def __init__(
        self, due: Due, targets: Targets, sender: Sender, clock: Clock, observer: Observer, spread: random.Random
    ) -> None:
        self._due = due
        self._targets = targets
        self._sender = sender
        self._clock = clock
        self._observer = observer
        self._spread = spread

    async def tick(self) -> int:
        """Send what is due now; return how many were tried. Raises ``Unavailable``."""
        claimed = await self._due.claim(TOGETHER, LEASE_S)
        await asyncio.gather(*map(self._one, claimed))
        return len(claimed)

    async def _one(self, one: DueDelivery) -> None:
        try:
            target = await self._targets.target(one.org_id, one.webhook_id)
        except Rejected as exc:
            await self._failed(one, Answered(error=f"the webhook's secret cannot be read, rotate it: {exc}"[:200]))
            return
        if target is None:
            # Disabled meanwhile: it stays pending, and is sent when the webhook is enabled.
            await self._due.again(one, None, "the webhook is disabled", 0)
            return
        signed = headers(target.secrets, one.event_id, self._clock.now_ms() // 1000, one.body)
        answer = await self._sender.post(target.url, one.body, signed)
        if answer.status is not None and not answer.error:
            await self._due.delivered(one, answer.status)
            self._observer.tried("delivered")
        elif answer.status == GONE:
            await self._targets.disable(one.org_id, one.webhook_id, "the receiver answered 410 Gone")
            await self._due.dead(one, GONE, answer.error)
            self._observer.tried("gone")
        else:
            await self._failed(one, answer)

    async def _failed(self, one: DueDelivery, answer: Answered) -> None:
        after_ms = retry_after_ms(one.tries, self._spread.random())
        if after_ms is None:
            await self._due.dead(one, answer.status, answer.error)
            self._observer.tried("dead")
            return
        asked_ms = wait_ms(answer.retry_after, self._clock.now_ms())
        await self._due.again(one, answer.status, answer.error, max(after_ms, asked_ms))
        self._observer.tried("again")


def wait_ms(said: str, now_ms: int) -> int:
    """Return what a ``Retry-After`` says in milliseconds: seconds or a date; 0 for anything else."""
    said = said.strip()
    if said.isascii() and said.isdigit() and len(said) < len(str(LONGEST_WAIT_MS)):
        return min(int(said) * 1000, LONGEST_WAIT_MS)
    try:
        at = parsedate_to_datetime(said)
    except (TypeError, ValueError):
        return 0
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(0, int(at.timestamp() * 1000) - now_ms), LONGEST_WAIT_MS)
