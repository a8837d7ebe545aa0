"""Every record is taken, waits, or is a dead letter; what was taken is not sent again."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

import pytest

from bench.observability.otlp_receiver import Received
from connectors.otlp.delivery import Delivery, RefusedSpans
from connectors.otlp.targets import Filter, Target
from connectors.ports.engine import InRecord
from schemas.errors import Unavailable
from schemas.ids import span_id, trace_id
from schemas.records.spans import Phase, Span, TraceSpans
from services.observability.otlp.outgoing.exporter import ExportPorts, TargetExporter, in_share
from topics.codec import encode

START = 1_795_910_400 * 10**9


@dataclass
class World:
    """A receiver with a script of answers, the dead letters, the counts and the time."""

    received: Received = field(default_factory=Received)
    script: deque[Any] = field(default_factory=deque)
    letters: list[tuple[int, str, str]] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    time_s: float = 0.0
    sends: int = 0
    log_down: bool = False
    poison: bytes = b"\0never"

    async def send(self, body: bytes) -> Delivery:
        self.sends += 1
        found = self.script.popleft() if self.script else Delivery()
        if isinstance(found, Exception):
            raise found
        if self.poison in body:
            raise RefusedSpans("400: poison", divisible=True)
        self.received.take(body)
        return found

    async def close(self) -> None:
        """Close."""

    async def put_aside(self, record: InRecord, reason: str, message: str) -> None:
        if self.log_down:
            raise Unavailable("kafka", "down")
        self.letters.append((record.offset, reason, message))

    def spans(self, outcome: str, count: int) -> None:
        self.counted[outcome] += count

    def requests(self, outcome: str) -> None:
        self.counted[f"request {outcome}"] += 1

    def exporter(self, **fields: Any) -> TargetExporter:
        target = Target(name="t", endpoint="http://x", **fields)
        ports = ExportPorts(sender=self, put_aside=self.put_aside, counts=self, now_s=lambda: self.time_s)
        return TargetExporter(target, ports)


def item(number: int, **fields: Any) -> tuple[InRecord, TraceSpans]:
    run = f"run-{number}"
    span = {"span_id": span_id(run), "name": run, "start_ns": START, "end_ns": START + 1} | fields.pop("span", {})
    given = {"record_id": run, "trace_id": trace_id(run), "org_id": "acme", "run_id": run, "workflow_name": "w"}
    record = TraceSpans(spans=[Span(**span)], **(given | fields))
    return InRecord("trace-spans", 0, number, 0, record.trace_id.encode(), encode(record)), record


def batch(count: int) -> list[tuple[InRecord, TraceSpans]]:
    return [item(n) for n in range(count)]


async def test_a_batch_goes_in_requests_of_the_targets_size():
    world = World()
    await world.exporter(batch_spans=3).write(batch(7))
    assert (world.sends, len(world.received.spans)) == (3, 7)
    assert world.received.faults == []
    assert world.counted == {"sent": 7, "request taken": 3}


async def test_waits_of_spans_count_as_spans():
    world = World()
    phases = [Phase(type="quota", start_ns=START, end_ns=START + 1), Phase(type="hold", start_ns=START, end_ns=START)]
    await world.exporter(batch_spans=3).write([item(1, span={"phases": phases}), item(2)])
    assert (world.sends, world.counted["sent"]) == (2, 4)


async def test_what_was_taken_is_not_sent_again():
    world = World(script=deque([Delivery(), Unavailable("t", "503", 0.0)]))
    exporter, records = world.exporter(batch_spans=2), batch(6)
    with pytest.raises(Unavailable):
        await exporter.write(records)
    await exporter.write(records)
    assert (len(world.received.spans), world.received.doubled, world.sends) == (6, 0, 4)
    assert world.counted["request retried"] == 1


async def test_the_same_batch_after_a_success_is_sent_again():
    world = World()
    exporter = world.exporter()
    await exporter.write(batch(1))
    await exporter.write(batch(1))
    assert (world.received.doubled, world.received.changed) == (1, 0)


async def test_a_receiver_that_wants_to_wait_is_not_asked_before():
    world = World(script=deque([Unavailable("t", "429", 30.0)]))
    exporter, records = world.exporter(), batch(1)
    for now_s, sends in ((0.0, 1), (29.0, 1)):
        world.time_s = now_s
        with pytest.raises(Unavailable):
            await exporter.write(records)
        assert world.sends == sends
    world.time_s = 30.0
    await exporter.write(records)
    assert (world.sends, len(world.received.spans)) == (2, 1)


async def test_one_bad_record_is_found_and_the_others_are_taken():
    world = World(poison=b"poison")
    records = [*batch(5), item(5, span={"name": "poison"}), item(6)]
    await world.exporter().write(records)
    assert len(world.received.spans) == 6
    assert [(offset, reason) for offset, reason, _ in world.letters] == [(5, "otlp_refused")]
    assert "OTLP target t: 400: poison" in world.letters[0][2]
    assert world.counted["refused"] == 1


async def test_a_request_that_must_not_come_again_is_set_aside_whole():
    world = World(script=deque([RefusedSpans("500: broken", divisible=False)]))
    await world.exporter(batch_spans=2).write(batch(3))
    assert [offset for offset, _, _ in world.letters] == [0, 1]
    assert (world.sends, len(world.received.spans)) == (2, 1)


async def test_a_partial_success_is_counted_and_its_records_are_set_aside():
    world = World(script=deque([Delivery(1, "too long")]))
    await world.exporter(batch_spans=2).write(batch(3))
    assert [(offset, reason) for offset, reason, _ in world.letters] == [(0, "otlp_partial"), (1, "otlp_partial")]
    assert "refused 1 of 2 spans: too long" in world.letters[0][2]
    assert (world.counted["sent"], world.counted["rejected"], world.sends) == (2, 1, 2)


async def test_letters_wait_for_the_log_and_no_request_is_repeated():
    world = World(script=deque([Delivery(1, "too long")]), log_down=True)
    exporter, records = world.exporter(batch_spans=2), batch(3)
    with pytest.raises(Unavailable):
        await exporter.write(records)
    world.log_down = False
    await exporter.write(records)
    assert (world.sends, len(world.letters), world.received.doubled) == (2, 2, 0)


async def test_a_record_that_otlp_cannot_have_is_set_aside_before_it_spoils_a_request():
    world = World()
    await world.exporter().write([item(0, trace_id="t"), item(1)])
    assert [(offset, reason) for offset, reason, _ in world.letters] == [(0, "otlp_invalid")]
    assert len(world.received.spans) == 1


@pytest.mark.parametrize(
    ("chosen", "sent"),
    [
        ({}, {"run-0", "run-1", "run-2"}),
        ({"organisations": ["other"]}, {"run-1"}),
        ({"workflows": ["doc_*", "x"]}, {"run-2"}),
        ({"statuses": ["error"]}, {"run-2"}),
        ({"share": 0.0}, set()),
        ({"external": True}, {"run-0", "run-1", "run-2", "run-3"}),
    ],
)
async def test_filters(chosen: dict[str, Any], sent: set[str]):
    world = World()
    records = [
        item(0),
        item(1, org_id="other"),
        item(2, workflow_name="doc_analysis", span={"status": "error"}),
        item(3, run_id="", span={"attributes": {"agentflow.origin": "otlp"}}),
    ]
    await world.exporter(filter=Filter.model_validate(chosen)).write(records)
    assert set(world.received.names()) == sent
    assert world.counted["filtered"] == 4 - len(sent)


def test_a_share_is_of_traces_and_about_as_large_as_it_says():
    traces = [trace_id(f"run-{n}") for n in range(4000)]
    chosen = [trace for trace in traces if in_share(trace, 0.25)]
    assert 850 < len(chosen) < 1150
    assert set(chosen) <= {trace for trace in traces if in_share(trace, 0.5)}
