"""Deliveries in memory, by a clock that a test moves; and a receiver that can be down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from connectors.http.webhook_sender import Answered
from connectors.memory.engine import ManualClock
from connectors.postgres.webhooks.deliveries import DueDelivery, NewDelivery
from connectors.postgres.webhooks.stored import Target
from schemas.webhooks import new_secret


@dataclass
class Row:
    """A stored delivery."""

    seq: int
    new: NewDelivery
    state: str = "pending"
    tries: int = 0
    due_ms: int = 0
    claimed_until_ms: int = 0
    status: int | None = None
    error: str | None = None


@dataclass
class MemoryDeliveries:
    """See ``connectors.postgres.webhooks.deliveries.WebhookDeliveries``."""

    clock: ManualClock
    rows: list[Row] = field(default_factory=list)
    disabled: set[str] = field(default_factory=set)

    async def add(self, deliveries: Sequence[NewDelivery]) -> None:
        """Store deliveries; one that is there stays."""
        for new in deliveries:
            if not any((r.new.webhook_id, r.new.event_id) == (new.webhook_id, new.event_id) for r in self.rows):
                self.rows.append(Row(len(self.rows) + 1, new, due_ms=self.clock.now_ms()))

    async def claim(self, most: int, lease_s: int) -> list[DueDelivery]:
        """Claim the oldest pending of each webhook and subject that is due."""
        now_ms, firsts = self.clock.now_ms(), {}
        for row in self.rows:
            if row.state == "pending" and row.new.webhook_id not in self.disabled:
                firsts.setdefault((row.new.webhook_id, row.new.subject), row)
        due = [r for r in firsts.values() if r.due_ms <= now_ms and r.claimed_until_ms <= now_ms]
        claimed = sorted(due, key=lambda r: r.due_ms)[:most]
        for row in claimed:
            row.tries += 1
            row.claimed_until_ms = now_ms + lease_s * 1000
        return [
            DueDelivery(r.seq, r.new.org_id, r.new.webhook_id, r.new.event_id, r.new.body, r.tries) for r in claimed
        ]

    async def delivered(self, one: DueDelivery, status: int) -> None:
        """Record that the receiver has it."""
        self._end(one, "delivered", status, None)

    async def dead(self, one: DueDelivery, status: int | None, error: str) -> None:
        """Give up."""
        self._end(one, "dead", status, error)

    async def again(self, one: DueDelivery, status: int | None, error: str, after_ms: int) -> None:
        """Try again later."""
        row = self.rows[one.seq - 1]
        row.due_ms, row.claimed_until_ms = self.clock.now_ms() + after_ms, 0
        row.status, row.error = status, error

    def _end(self, one: DueDelivery, state: str, status: int | None, error: str | None) -> None:
        row = self.rows[one.seq - 1]
        row.state, row.status, row.error, row.claimed_until_ms = state, status, error, 0


@dataclass
class Receiver:
    """Verifies signatures by the specification's own package. ``answers`` decides what it says at a time."""

    clock: ManualClock
    secrets: list[str] = field(default_factory=lambda: [new_secret()])
    down_until_ms: int = 0
    says: Answered = field(default_factory=lambda: Answered(204))
    got: list[tuple[str, bytes]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)

    async def target(self, org_id: str, webhook_id: str) -> Target | None:
        """Return the address."""
        return Target("https://receiver.example/hooks", tuple(self.secrets))

    async def disable(self, org_id: str, webhook_id: str, reason: str) -> None:
        """Keep that it was disabled."""
        self.disabled.append(reason)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        """Take a request."""
        if self.clock.now_ms() < self.down_until_ms:
            self.refused.append(headers["webhook-id"])
            return Answered(error="connection refused")
        self._check(body, headers)
        if self.says.status == 204:
            self.got.append((headers["webhook-id"], body))
        return self.says

    def _check(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Compare the signatures: the package's own check knows the time of this machine only."""
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        assert at.timestamp() == self.clock.now_ms() // 1000
        signed = [Webhook(one).sign(headers["webhook-id"], at, body.decode()) for one in self.secrets]
        assert headers["webhook-signature"].split(" ") == signed
