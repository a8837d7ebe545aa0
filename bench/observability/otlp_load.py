"""Requests of foreign spans for the figures of OTLP in: agents of three calls with messages, and two tools."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from connectors.ports.engine import OutRecord
from connectors.postgres.history.trace_runs import TraceRun
from connectors.prices.book import PriceBook
from connectors.prices.known import KnownModels
from schemas.ids import trace_id
from services.observability.otlp.incoming.bodies import Encoding
from services.observability.otlp.incoming.receiver import ReceiverPorts, Sender, TraceReceiver
from services.observability.otlp.values import write_attributes

#: What exporters send at once by default.
BATCH = 512
_SECOND_NS = 10**9
_MESSAGES = '[{"role":"user","parts":[{"type":"text","content":"%s"}]}]' % ("word " * 120)
_CALL: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.request.max_tokens": 400,
    "gen_ai.request.temperature": 0.2,
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 180,
    "gen_ai.usage.cache_read.input_tokens": 1024,
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.response.id": "chatcmpl-123",
    "gen_ai.conversation.id": "thread-1",
    "gen_ai.input.messages": _MESSAGES,
    "gen_ai.output.messages": _MESSAGES,
}
_TOOL: dict[str, Any] = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "search",
    "gen_ai.tool.call.id": "call-1",
    "gen_ai.tool.call.arguments": '{"query": "a question"}',
}
_AGENT: dict[str, Any] = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "researcher"}


def bodies(count: int) -> list[bytes]:
    """Return so many requests in Protobuf, of ``BATCH`` spans each."""
    now_ns = time.time_ns()
    return [_request(n, now_ns).SerializeToString() for n in range(count)]


def _request(number: int, now_ns: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    write_attributes(resource.resource.attributes, {"service.name": "researcher"})
    spans = resource.scope_spans.add().spans
    kinds = (_AGENT, _CALL, _TOOL, _CALL, _TOOL, _CALL)
    for n in range(BATCH):
        agent, at = divmod(n, len(kinds))
        first = agent * len(kinds)
        span = spans.add(
            trace_id=bytes.fromhex(trace_id(f"{number}:{agent}")),
            span_id=(number * BATCH + n + 1).to_bytes(8),
            parent_span_id=(number * BATCH + first + 1).to_bytes(8) if at else b"",
            name=str(kinds[at]["gen_ai.operation.name"]),
            kind=1,
            start_time_unix_nano=now_ns - 3 * _SECOND_NS,
            end_time_unix_nano=now_ns - 2 * _SECOND_NS,
        )
        write_attributes(span.attributes, kinds[at])
    return request


@dataclass
class _World:
    book: PriceBook
    bytes_out: int = 0

    async def of_traces(self, org_id: str, trace_ids: Collection[str]) -> dict[str, list[TraceRun]]:
        """Return no run."""
        return {}

    async def of(self, org_id: str, at_ms: int) -> PriceBook:
        """Return the packaged prices."""
        return self.book

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Count bytes."""
        self.bytes_out += sum(len(one.value or b"") for one in records)


def receiver(now_ms: Callable[[], int]) -> TraceReceiver:
    """Return a receiver without a log and a history: what is left is its own work."""
    world, models = _World(PriceBook.load()), KnownModels.load()
    return TraceReceiver(
        ReceiverPorts(
            runs=world,
            prices=world,
            provider_of=lambda model: models.provider_of(model) or "",
            appender=world,
            capture="full",
            now_ms=now_ms,
        )
    )


def spans_per_cpu_second(requests: Sequence[bytes]) -> float:
    """Return how many spans a second of one core takes in, from bytes to records in bytes."""

    async def take() -> float:
        found = receiver(lambda: time.time_ns() // 1_000_000)
        sender = Sender(org_id="acme", owns=lambda *_: True)
        await found.take(requests[0], Encoding.PROTOBUF, "", sender)
        before = time.process_time()
        taken = [await found.take(body, Encoding.PROTOBUF, "", sender) for body in requests]
        return sum(one.accepted for one in taken) / (time.process_time() - before)

    return asyncio.run(take())
