"""Delivers records to one target: every one is taken, or waits in the log, or is a dead letter.

``write`` gets a batch of records; the same batch comes again until it returned. What was taken of it meanwhile is not
sent again. The group's offset moves after ``write`` returned, so a process that dies in between sends a batch again:
receivers get each span at least once, with the same ids and the same bytes.

    taken                     next request
    taken in part             the same, and the records of the request are dead letters: the protocol says how many of
                              its spans were refused, not which, and forbids to send them again
    refused, divisible        its halves; a record that is refused alone is a dead letter
    refused                   its records are dead letters
    not now, no answer        ``Unavailable``; earlier than the receiver wants nothing is sent
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from connectors.otlp.delivery import RefusedSpans, Sender
from connectors.otlp.targets import Filter, Target
from connectors.ports.engine import InRecord
from schemas.errors import BadRecord, Unavailable
from schemas.records.spans import TraceSpans
from services.observability.otlp.incoming.records import FROM_OTLP, ORIGIN
from services.observability.otlp.outgoing.requests import grouped, request_of, spans_of

_RANDOM_BITS = 56

Item = tuple[InRecord, TraceSpans]
PutAside = Callable[[InRecord, str, str], Awaitable[None]]
"""Puts a record into the dead-letter topic: the record, the reason, a message. Raises ``Unavailable``."""
PARTIAL, REFUSED, INVALID = "otlp_partial", "otlp_refused", "otlp_invalid"


def wants(chosen: Filter, record: TraceSpans) -> bool:
    """Return whether a target with this filter gets a record."""
    if not record.spans or (chosen.organisations and record.org_id not in chosen.organisations):
        return False
    if chosen.workflows and not any(fnmatchcase(record.workflow_name, one) for one in chosen.workflows):
        return False
    if chosen.statuses and not any(span.status in chosen.statuses for span in record.spans):
        return False
    if not chosen.external and record.spans[0].attributes.get(ORIGIN) == FROM_OTLP:
        return False
    return in_share(record.trace_id, chosen.share)


def in_share(trace_id: str, share: float) -> bool:
    """Return whether a trace is in a share of all: decided by its id, so that whole traces are sent or not.

    The last 56 bits are random, as W3C Trace Context has it, and OpenTelemetry samples by them, too.
    """
    if share >= 1:
        return True
    try:
        return int(trace_id[-_RANDOM_BITS // 4 :], 16) < share * float(1 << _RANDOM_BITS)
    except ValueError:
        return True  # it is no trace id, which the exporter reports


class Counts(Protocol):
    """Counts what happens, see ``schemas.metrics``."""

    def spans(self, outcome: str, count: int) -> None:
        """Count spans that were ``sent``, ``rejected``, ``refused`` or ``filtered``."""
        ...

    def requests(self, outcome: str) -> None:
        """Count a request that was ``taken``, taken in part (``partial``), ``refused`` or will be ``retried``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPorts:
    """What an exporter needs. ``now_s`` is monotonic."""

    sender: Sender
    put_aside: PutAside
    counts: Counts
    now_s: Callable[[], float]


class TargetExporter:
    """The sink of one target."""

    def __init__(self, target: Target, ports: ExportPorts) -> None:
        self._target = target
        self._ports = ports
        self._batch: list[InRecord] = []
        self._plan: deque[list[Item]] = deque()
        self._letters: deque[tuple[InRecord, str, str]] = deque()
        self._encoded: bytes | None = None
        self._not_before_s = 0.0

    async def write(self, items: Sequence[Item]) -> None:
        """Deliver a batch. Raises ``Unavailable``: write the same batch again."""
        records = [record for record, _ in items]
        if records != self._batch or not (self._plan or self._letters):
            self._begin(items, records)
        while self._plan or self._letters:
            await self._put_letters()
            if self._plan:
                await self._send_first()
        self._batch = []

    def _begin(self, items: Sequence[Item], records: list[InRecord]) -> None:
        chosen = []
        for record, spans in items:
            if not wants(self._target.filter, spans):
                self._ports.counts.spans("filtered", len(spans.spans))
                continue
            try:
                spans_of(spans)
            except BadRecord as exc:
                self._letters.append((record, INVALID, self._message(str(exc))))
                continue
            chosen.append((record, spans))
        sizes = [len(record.value or b"") for record, _ in chosen]
        self._batch, self._encoded = records, None
        self._plan = deque(grouped(chosen, self._target.batch_spans, sizes))

    async def _send_first(self) -> None:
        """Send the first request of the plan. Raises ``Unavailable``."""
        now_s = self._ports.now_s()
        if now_s < self._not_before_s:
            left_s = self._not_before_s - now_s
            raise Unavailable(self._name, f"wants the next request in {left_s:.0f} s", left_s)
        group = self._plan[0]
        if self._encoded is None:
            self._encoded = request_of((spans for _, spans in group), self._target.resource)
        try:
            done = await self._ports.sender.send(self._encoded)
        except Unavailable as exc:
            self._ports.counts.requests("retried")
            self._not_before_s = self._ports.now_s() + exc.retry_after_s
            raise
        except RefusedSpans as exc:
            self._took()
            self._refused(group, exc)
            return
        self._took()
        rejected = min(done.rejected_spans, _count(group))
        self._ports.counts.requests("partial" if rejected else "taken")
        self._ports.counts.spans("sent", _count(group) - rejected)
        if rejected:
            self._ports.counts.spans("rejected", rejected)
            self._set_aside(group, PARTIAL, f"refused {rejected} of {_count(group)} spans: {done.message}")

    def _took(self) -> None:
        self._plan.popleft()
        self._encoded = None

    def _refused(self, group: list[Item], exc: RefusedSpans) -> None:
        self._ports.counts.requests("refused")
        if exc.divisible and len(group) > 1:
            half = len(group) // 2
            self._plan.extendleft((group[half:], group[:half]))
            return
        self._ports.counts.spans("refused", _count(group))
        self._set_aside(group, REFUSED, str(exc))

    def _set_aside(self, group: list[Item], reason: str, message: str) -> None:
        self._letters.extend((record, reason, self._message(message)) for record, _ in group)

    async def _put_letters(self) -> None:
        while self._letters:
            await self._ports.put_aside(*self._letters[0])
            self._letters.popleft()

    def _message(self, text: str) -> str:
        return f"{self._name}: {text}"

    @property
    def _name(self) -> str:
        return f"OTLP target {self._target.name}"


def _count(group: list[Item]) -> int:
    return sum(1 + len(span.phases) for _, record in group for span in record.spans)
