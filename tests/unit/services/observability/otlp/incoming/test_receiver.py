"""Requests of OTLP to records: three instrumentations, costs, joins, policies of capture, rules."""

import asyncio
import gzip
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.postgres.history.trace_runs import TraceRun
from connectors.prices.book import PriceBook
from connectors.prices.known import KnownModels
from schemas.errors import TooLarge, Undecodable
from schemas.records.base import Usage
from services.observability.otlp.incoming.bodies import Encoding
from services.observability.otlp.incoming.receiver import ReceiverPorts, Sender, Taken, TraceReceiver
from services.observability.otlp.incoming.spans import CUT, MAX_ATTRIBUTES, MAX_SPANS, TooManySpans
from tests.support.otlp import CALL, CHAIN, GEN_AI, NOW_NS, ROOT, SHAPES, TOOL, TRACE, body_of, json_of, request_of
from topics.codec import decode

BOOK = PriceBook.load()
USAGE = Usage(input_tokens=1000, output_tokens=200, cache_read_tokens=400)
COST = BOOK.cost("openai", "gpt-4o-2024-08-06", USAGE, NOW_NS // 10**6)


@dataclass
class World:
    """The receiver's surroundings."""

    runs: dict[str, list[TraceRun]] = field(default_factory=dict)
    appended: list[Any] = field(default_factory=list)

    async def of_traces(self, org_id, trace_ids):
        return {trace: found for trace, found in self.runs.items() if trace in trace_ids}

    async def of(self, org_id, at_ms):
        return BOOK

    async def append(self, records):
        self.appended += [decode(one.topic, one.value) for one in records]

    def receiver(self, capture: str = "full") -> TraceReceiver:
        models = KnownModels.load()
        return TraceReceiver(
            ReceiverPorts(
                runs=self,
                prices=self,
                provider_of=lambda model: models.provider_of(model) or "",
                appender=self,
                capture=capture,
                now_ms=lambda: NOW_NS // 10**6,
            )
        )

    def spans(self) -> dict[str, Any]:
        return {span.span_id: span for record in self.appended for span in record.spans}


def sender(owns=lambda *_: True, **tags: str) -> Sender:
    return Sender(org_id="acme", owns=owns, tags=tags)


async def take(world: World, spans: list[dict[str, Any]], *, capture: str = "full", **options: Any) -> Taken:
    body = body_of(spans, **options)
    return await world.receiver(capture).take(body, Encoding.PROTOBUF, "", sender())


@pytest.mark.parametrize(
    ("spans", "packed", "in_threads"),
    [(2, False, False), (2, True, True), (400, False, True), (400, True, True)],
)
async def test_only_small_plain_bodies_are_read_by_the_loop(monkeypatch, spans: int, packed: bool, in_threads: bool):
    works = []

    async def to_thread(work):
        works.append(work)
        return work()

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    body = body_of(SHAPES["openinference"][:1] * spans)
    body, encoding = (gzip.compress(body), "gzip") if packed else (body, "")
    taken = await World().receiver().take(body, Encoding.PROTOBUF, encoding, sender())
    assert taken.accepted == spans
    assert bool(works) == in_threads


@pytest.mark.parametrize("shape", SHAPES)
async def test_calls_of_three_instrumentations_are_priced_by_our_lists(shape):
    world = World()
    assert await take(world, SHAPES[shape]) == Taken(len(SHAPES[shape]))
    spans = world.spans()
    call = spans[CALL]
    assert (call.type, call.provider, call.model) == ("llm_call", "openai", "gpt-4o-2024-08-06")
    assert (call.input_tokens, call.output_tokens, call.cost_nano) == (1000, 200, COST)
    assert spans[TOOL].type == "tool_call"
    assert spans[ROOT].type == "external"
    # The frameworks repeat the tokens on their own spans: nothing is counted twice.
    assert sum(span.cost_nano for span in spans.values()) == COST > 0
    assert sum(span.input_tokens for span in spans.values()) == 1000
    (record,) = world.appended
    assert (record.org_id, record.run_id, record.session_id) == ("acme", "", "thread-7")
    assert record.user_id == "ada"
    assert spans[ROOT].parent_span_id is None
    assert spans[CALL].parent_span_id == (CHAIN if shape == "langchain" else ROOT)
    assert call.attributes["service.name"] == "researcher"


@pytest.mark.parametrize("shape", SHAPES)
async def test_both_encodings_give_the_same_records(shape):
    one, other = World(), World()
    await take(one, SHAPES[shape])
    body = json.dumps(json_of(SHAPES[shape])).encode()
    await other.receiver().take(gzip.compress(body), Encoding.JSON, "gzip", sender())
    assert one.appended == other.appended


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("capture", ["none", "redacted"])
async def test_no_content_is_stored_unless_all_of_it_may_be(shape, capture):
    world = World()
    await take(world, SHAPES[shape], capture=capture)
    assert "secret" not in repr(world.appended)
    call = world.spans()[CALL]
    assert (call.cost_nano, call.model) == (COST, "gpt-4o-2024-08-06")
    hashed = [value for value in call.attributes.values() if isinstance(value, dict) and "sha256" in value]
    assert bool(hashed) == (capture == "redacted")


async def test_texts_of_errors_and_of_names_that_nobody_knows_are_content():
    request = request_of([{"span_id": ROOT, "attributes": {"my.own.question": "secret question", "my.own.count": 3}}])
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.status.code, span.status.message = 2, "refused: secret question"
    event = span.events.add(name="exception")
    for key, value in (("exception.type", "RateLimitError"), ("exception.message", "secret question")):
        event.attributes.add(key=key).value.string_value = value
    world = World()
    await world.receiver("none").take(request.SerializeToString(), Encoding.PROTOBUF, "", sender())
    found = world.spans()[ROOT]
    assert "secret" not in repr(world.appended)
    assert (found.status, found.error_code, found.attributes["my.own.count"]) == ("error", "RateLimitError", 3)


async def test_spans_of_a_runs_trace_are_joined_to_it():
    world = World(runs={TRACE: [TraceRun("run-1", "research", {"team": "a"})]})
    await take(world, SHAPES["openinference"])
    (record,) = world.appended
    assert (record.run_id, record.workflow_name, record.tags) == ("run-1", "research", {"team": "a"})


async def test_spans_of_a_trace_with_several_runs_are_of_none_of_them():
    world = World(runs={TRACE: [TraceRun("run-1", "research"), TraceRun("run-2", "research")]})
    await take(world, SHAPES["openinference"])
    assert [record.run_id for record in world.appended] == [""]


async def test_keys_write_into_no_run_that_they_may_not_see():
    world = World(runs={TRACE: [TraceRun("run-1", "research")]})
    limited = sender(owns=lambda workflow, _: workflow == "other")
    taken = await world.receiver().take(body_of(SHAPES["openinference"]), Encoding.PROTOBUF, "", limited)
    assert (taken.accepted, taken.rejected) == (0, 3)
    assert "may not see" in taken.message
    assert world.appended == []


async def test_tags_of_the_sender_are_on_its_traces():
    world = World()
    await world.receiver().take(body_of(SHAPES["openinference"]), Encoding.PROTOBUF, "", sender(project="p1"))
    assert world.appended[0].tags == {"project": "p1"}


async def test_a_call_without_a_price_says_so_and_costs_nothing():
    world = World()
    attributes = GEN_AI | {"gen_ai.request.model": "own-7b", "gen_ai.response.model": "own-7b"}
    await take(world, [{"span_id": CALL, "attributes": attributes}])
    call = world.spans()[CALL]
    assert (call.cost_nano, call.input_tokens, call.attributes["agentflow.cost.unpriced"]) == (0, 1000, True)


async def test_cached_tokens_that_are_more_than_the_input_were_counted_beside_it():
    world = World()
    attributes = GEN_AI | {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 5000}
    await take(world, [{"span_id": CALL, "attributes": attributes}])
    assert world.spans()[CALL].input_tokens == 5010


async def test_a_repeated_request_gives_equal_records():
    world = World()
    await take(world, SHAPES["langchain"])
    await take(world, SHAPES["langchain"])
    first, second = world.appended
    assert first == second


async def test_a_request_of_many_spans_is_several_records_and_loses_none():
    world = World()
    text = "ä" * 3000
    spans = [{"span_id": f"{n + 1:016x}", "attributes": {"note": text}} for n in range(600)]
    assert (await take(world, spans)).accepted == 600
    assert len(world.spans()) == 600
    assert len({record.record_id for record in world.appended}) == len(world.appended) > 3


async def test_long_texts_are_cut_and_named():
    world = World()
    await take(world, [{"span_id": ROOT, "attributes": {"note": "x" * 40_000}}])
    found = world.spans()[ROOT].attributes
    assert (len(found["note"]), found[CUT]) == (32 * 1024, ["note"])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"span_id": "0" * 16}, "spanId"),
        ({"span_id": "ab"}, "spanId"),
        ({"trace": "ab"}, "traceId"),
        ({"trace": "0" * 32}, "traceId"),
        ({"parent": "ab"}, "parentSpanId"),
        ({"parent": "0" * 16}, "parentSpanId"),
        ({"parent": ROOT, "span_id": ROOT}, "own id"),
        ({"start_ns": NOW_NS, "end_ns": NOW_NS - 1}, "ends before"),
        ({"start_ns": 0}, "90 days"),
        ({"end_ns": NOW_NS + 7200 * 10**9}, "ahead"),
        ({"attributes": {f"k{n}": n for n in range(MAX_ATTRIBUTES + 1)}}, "attributes"),
        ({"attributes": {f"k{n}": "x" * 30_000 for n in range(6)}}, "characters"),
    ],
)
async def test_a_span_that_breaks_a_rule_is_refused_and_the_others_are_taken(change, why):
    world = World()
    taken = await take(world, [{"span_id": CALL, "name": "bad"} | change, {"span_id": TOOL}])
    assert (taken.accepted, taken.rejected) == (1, 1)
    assert taken.message.startswith("span 'bad': ")
    assert why in taken.message
    assert list(world.spans()) == [TOOL]


async def test_values_that_are_nested_too_deep_refuse_their_span():
    request = request_of([{"span_id": ROOT}, {"span_id": TOOL}])
    value = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="deep").value
    for _ in range(20):
        value = value.array_value.values.add()
    world = World()
    taken = await world.receiver().take(request.SerializeToString(), Encoding.PROTOBUF, "", sender())
    assert (taken.accepted, taken.rejected) == (1, 1)


async def test_more_spans_than_a_request_may_have():
    world = World()
    body = body_of([{"span_id": f"{n + 1:016x}"} for n in range(MAX_SPANS + 1)])
    with pytest.raises(TooManySpans, match="smaller batches"):
        await world.receiver().take(body, Encoding.PROTOBUF, "", sender())


async def test_large_requests_leave_the_loop_to_others():
    world = World()
    turns = 0

    async def others():
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(others())
    await take(world, [{"span_id": f"{n + 1:016x}", "attributes": GEN_AI} for n in range(3000)])
    task.cancel()
    assert turns > 20


async def test_a_gzip_that_unpacks_to_too_much_is_not_unpacked():
    bomb = gzip.compress(bytes(40 * 1024 * 1024))
    with pytest.raises(TooLarge, match="unpacked"):
        await World().receiver().take(bomb, Encoding.PROTOBUF, "gzip", sender())


@pytest.mark.parametrize("packed", [b"not gzip", gzip.compress(b"x" * 100)[:-4]], ids=["no gzip", "cut"])
async def test_a_damaged_gzip(packed):
    with pytest.raises(Undecodable, match="gzip"):
        await World().receiver().take(packed, Encoding.PROTOBUF, "gzip", sender())
