"""Takes one request of OTLP: reads it, joins its spans to runs, prices them, and appends them to ``trace-spans``.

A request that is sent again gives the same records, and the store keeps one row of each span. So a sender may repeat
whatever it has no answer for.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from connectors.postgres.history.trace_runs import TraceRun
from connectors.prices.book import PricesOf
from schemas.records.run_events import Capture
from schemas.records.spans import TraceSpans
from services.observability.otlp.incoming.bodies import Encoding, is_packed, unpacked
from services.observability.otlp.incoming.from_json import read_json
from services.observability.otlp.incoming.from_protobuf import read_protobuf
from services.observability.otlp.incoming.pricing import Prices, ProviderOf
from services.observability.otlp.incoming.records import Context, records_of
from services.observability.otlp.incoming.spans import Batch
from topics.catalogue import MAX_MESSAGE_BYTES, TRACE_SPANS
from topics.codec import encode

#: From so many bytes on a thread does the work, so that other requests are answered meanwhile; of packed bodies always,
#: since some kilobytes of gzip may be megabytes of spans.
THREAD_BYTES = 32 * 1024
#: Room for the record's key and headers.
_MAX_RECORD = MAX_MESSAGE_BYTES - 4 * 1024
#: A sender is shown so many of the reasons.
_SHOWN = 3

_READERS = {Encoding.PROTOBUF: read_protobuf, Encoding.JSON: read_json}
Result = TypeVar("Result")
Owns = Callable[[str, Mapping[str, str]], bool]


class RunsOfTraces(Protocol):
    """Finds runs, see ``connectors.postgres.history.trace_runs``."""

    async def of_traces(self, org_id: str, trace_ids: Collection[str]) -> dict[str, list[TraceRun]]:
        """Return the runs of an organisation's traces, by trace id. Raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sends. ``owns`` tells whether it may see a run by workflow and tags; ``tags`` are put on its traces."""

    org_id: str
    owns: Owns
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """How many spans were taken and refused, and why in a text for the sender."""

    accepted: int
    rejected: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverPorts:
    """What the receiver needs. ``provider_of`` finds the provider of a model by its name alone."""

    runs: RunsOfTraces
    prices: PricesOf
    provider_of: ProviderOf
    appender: Appender
    capture: Capture
    now_ms: Callable[[], int]


class TraceReceiver:
    """Spans of other programs, from bytes to the log."""

    def __init__(self, ports: ReceiverPorts) -> None:
        self._ports = ports

    async def take(self, body: bytes, encoding: Encoding, content_encoding: str, sender: Sender) -> Taken:
        """Append a request's spans; return when the log has them.

        Raises ``Undecodable``, ``TooLarge`` and ``TooManySpans`` for a request that cannot be taken as a whole, and
        ``Unavailable``: then some of it may be in the log, and it may be sent again.
        """
        now_ms = self._ports.now_ms()
        small = len(body) < THREAD_BYTES and not is_packed(content_encoding)
        batch = await _worked(small, lambda: _read(body, encoding, content_encoding, now_ms))
        if not batch.spans:
            return _taken(0, batch)
        runs = await self._ports.runs.of_traces(sender.org_id, {span.trace_id for span in batch.spans})
        _keep_owned(batch, runs, sender.owns)
        # A trace with several runs is that of the program which started them, and says nothing of either.
        joined = {trace: found[0] for trace, found in runs.items() if len(found) == 1}
        prices = Prices(await self._ports.prices.of(sender.org_id, now_ms), self._ports.provider_of)
        context = Context(
            org_id=sender.org_id, capture=self._ports.capture, prices=prices, runs=joined, tags=sender.tags
        )
        records = await _worked(small, lambda: _written(batch, context))
        if records:
            await self._ports.appender.append([record for _, record in records])
        return _taken(sum(count for count, _ in records), batch)


async def _worked(small: bool, work: Callable[[], Result]) -> Result:
    return work() if small else await asyncio.to_thread(work)


def _read(body: bytes, encoding: Encoding, content_encoding: str, now_ms: int) -> Batch:
    return _READERS[encoding](unpacked(body, content_encoding), now_ms * 1_000_000)


def _keep_owned(batch: Batch, runs: Mapping[str, Sequence[TraceRun]], owns: Owns) -> None:
    """Refuse spans of traces that have runs of the organisation, and none that the sender may see."""
    foreign = {trace for trace, found in runs.items() if not any(owns(run.workflow_name, run.tags) for run in found)}
    if foreign:
        for span in batch.spans:
            if span.trace_id in foreign:
                batch.refuse(span.name, "its trace is that of runs which this key may not see")
        batch.spans = [span for span in batch.spans if span.trace_id not in foreign]


def _written(batch: Batch, context: Context) -> list[tuple[int, OutRecord]]:
    """Return each record with the count of its spans. What is too large as JSON is refused."""
    found = []
    for record in records_of(batch.spans, context):
        value = encode(record)
        if len(value) > _MAX_RECORD:
            _refuse(batch, record)
        else:
            found.append((len(record.spans), OutRecord(TRACE_SPANS, record.trace_id.encode(), value)))
    return found


def _refuse(batch: Batch, record: TraceSpans) -> None:
    for span in record.spans:
        batch.refuse(span.name, "it is too large to be stored together with the spans that were sent with it")


def _taken(accepted: int, batch: Batch) -> Taken:
    faults = batch.faults
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return Taken(accepted, len(faults), "; ".join(faults[:_SHOWN]) + more)
