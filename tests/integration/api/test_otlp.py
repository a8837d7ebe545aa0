"""Spans of other programs over HTTP: bodies of both encodings, 27 bad requests, keys, organisations."""

import gzip
import json
import time
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from connectors.otlp.rpc_status import RpcCode, message_of
from schemas.ids import trace_id
from services.observability.otlp.incoming.spans import MAX_SPANS
from tests.support.api import SUBMISSION, Running, unique
from tests.support.history import view_of, write_views
from tests.support.otlp import CALL, ROOT, SHAPES, TOOL, body_of, json_of
from topics.catalogue import RUN_EVENTS, TRACE_SPANS

PROTOBUF, JSON = "application/x-protobuf", "application/json"
PATH = "/v1/traces"


def now_ns() -> int:
    return time.time_ns()


async def post(api: Running, body: bytes, kind: str = PROTOBUF, path: str = PATH, **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.client.post(path, content=body, headers={"Content-Type": kind} | named)


def spans_of(api: Running) -> dict[str, Any]:
    return {span.span_id: span for record in api.log.decoded(TRACE_SPANS) for span in record.spans}


@pytest.mark.parametrize("path", [PATH, "/api/v1/otlp/v1/traces"])
@pytest.mark.parametrize("shape", SHAPES)
async def test_spans_come_in_protobuf_with_gzip(api: Running, path: str, shape: str) -> None:
    body = body_of(SHAPES[shape], now_ns=now_ns(), packed=True)
    answer = await post(api, body, path=path, content_encoding="gzip")
    assert (answer.status_code, answer.headers["content-type"]) == (200, PROTOBUF)
    assert not ExportTraceServiceResponse.FromString(answer.content).HasField("partial_success")
    assert spans_of(api)[CALL].cost_nano > 0
    record = api.log.last(TRACE_SPANS)
    assert record.key == b"4bf92f3577b34da6a3ce929d0e0e4736"


async def test_spans_come_in_json(api: Running) -> None:
    body = json.dumps(json_of(SHAPES["openinference"], now_ns=now_ns())).encode()
    answer = await post(api, body, f"{JSON}; charset=utf-8")
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, JSON, {})
    assert spans_of(api)[TOOL].type == "tool_call"


async def test_an_empty_request_is_fine(api: Running) -> None:
    assert (await post(api, b"")).status_code == 200
    assert (await post(api, b"{}", JSON)).json() == {}
    assert spans_of(api) == {}


async def known_run(api: Running, tags: dict[str, str] | None = None) -> tuple[str, str]:
    """Return a run that history knows, and its trace."""
    await api.define_greeting()
    (await api.client.post("/api/v1/workflows/runs", json=SUBMISSION)).raise_for_status()
    record = api.log.decoded(RUN_EVENTS)[-1]
    trace = trace_id(record.run_id)
    await write_views(api.postgres_dsn, view_of(record, "running", trace_id=trace, tags=tags or {}))
    return record.run_id, trace


def document(**span: Any) -> bytes:
    whole = json_of([{"span_id": ROOT}], now_ns=now_ns())
    whole["resourceSpans"][0]["scopeSpans"][0]["spans"][0] |= span
    return json.dumps(whole).encode()


def attribute(value: Any) -> bytes:
    return document(attributes=[{"key": "k", "value": value}])


BAD_JSON: dict[str, tuple[bytes, int, str]] = {
    "no JSON": (b"{", 400, "not JSON"),
    "a list": (b"[]", 400, "the body: is not an object"),
    "resourceSpans is no list": (b'{"resourceSpans": {}}', 400, "resourceSpans: is not a list"),
    "a group is no object": (b'{"resourceSpans": [1]}', 400, "resourceSpans[0]: is not an object"),
    "a resource is no object": (b'{"resourceSpans": [{"resource": 1}]}', 400, "resource: is not an object"),
    "a scope is no object": (b'{"resourceSpans": [{"scopeSpans": [{"scope": "x"}]}]}', 400, "scope: is not an object"),
    "an id in base64": (document(traceId="S/kvNXezTaajzpKdDg5HNg=="), 400, "traceId: is not hex"),
    "an id that is a number": (document(spanId=7), 400, "spanId: is not a text"),
    "a time that is no number": (document(startTimeUnixNano="soon"), 400, "startTimeUnixNano: is not a whole number"),
    "a time below zero": (document(endTimeUnixNano=-1), 400, "64 bits without a sign"),
    "a kind by its name": (document(kind="SPAN_KIND_CLIENT"), 400, "kind: is not a whole number"),
    "attributes are no list": (document(attributes={}), 400, "attributes: is not a list"),
    "a value is no object": (attribute("text"), 400, "value: is not an object"),
    "a text that is a number": (attribute({"stringValue": 1}), 400, "stringValue: is not a text"),
    "an integer over 64 bits": (attribute({"intValue": str(2**63)}), 400, "64 bits"),
    "a truth value that is none": (attribute({"boolValue": "yes"}), 400, "neither true nor false"),
    "a number that is none": (attribute({"doubleValue": "much"}), 400, "is not a number"),
    "half of a surrogate pair": (b'{"resourceSpans": [{"x": "\\ud800"}]}', 400, "not JSON"),
}
BAD_PROTOBUF: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "no Protobuf": (b"\xff" * 40, {}, 400, "not an ExportTraceServiceRequest"),
    "cut in the middle": (body_of(SHAPES["langchain"])[:-7], {}, 400, "not an ExportTraceServiceRequest"),
    "JSON by the wrong name": (b'{"resourceSpans": []}', {}, 400, "not an ExportTraceServiceRequest"),
    "gzip that is none": (b"plain", {"content_encoding": "gzip"}, 400, "gzip"),
    "gzip that is cut": (gzip.compress(b"x" * 500)[:-9], {"content_encoding": "gzip"}, 400, "ends too early"),
    "a bomb": (gzip.compress(bytes(20 * 1024 * 1024)), {"content_encoding": "gzip"}, 413, "unpacked"),
    "another compression": (b"x", {"content_encoding": "br"}, 415, "send gzip"),
    "too many bytes": (b"x" * (4 * 1024 * 1024 + 1), {}, 413, "bytes"),
    "too many spans": (b"", {}, 413, "smaller batches"),
}


@pytest.mark.parametrize("name", BAD_JSON)
async def test_bad_json_is_answered_by_a_status_in_json(api: Running, name: str) -> None:
    body, status, text = BAD_JSON[name]
    answer = await post(api, body, JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (status, JSON), answer.text
    assert text in answer.json()["message"]
    assert answer.json()["code"] == RpcCode.INVALID_ARGUMENT
    assert spans_of(api) == {}


@pytest.mark.parametrize("name", BAD_PROTOBUF)
async def test_bad_protobuf_is_answered_by_a_status_in_protobuf(api: Running, name: str) -> None:
    body, headers, status, text = BAD_PROTOBUF[name]
    if name == "too many spans":
        body = body_of([{"span_id": f"{n + 1:016x}"} for n in range(MAX_SPANS + 1)], now_ns=now_ns())
    answer = await post(api, body, **headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROTOBUF), answer.content[:200]
    assert text in message_of(answer.content)
    assert spans_of(api) == {}


async def test_other_types_and_methods_and_parameters(api: Running) -> None:
    answer = await post(api, b"x", "text/plain")
    assert (answer.status_code, "send OTLP as" in message_of(answer.content)) == (415, True)
    answer = await api.client.get(PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    answer = await post(api, b"", path=f"{PATH}?project=x")
    assert (answer.status_code, "unknown" in message_of(answer.content)) == (400, True)


async def test_spans_that_break_a_rule_are_a_partial_success(api: Running) -> None:
    spans = [{"span_id": ROOT}, {"span_id": "ab", "name": "bad"}]
    answer = await post(api, body_of(spans, now_ns=now_ns()))
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 1)
    assert partial.error_message.startswith("span 'bad': spanId")
    answer = await post(api, json.dumps(json_of(spans, now_ns=now_ns())).encode(), JSON)
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert set(spans_of(api)) == {ROOT}


async def test_keys_need_the_permission_to_write(api: Running) -> None:
    body = body_of(SHAPES["openinference"], now_ns=now_ns())
    made = await api.client.post("/api/v1/keys", json={"name": "reader", "permissions": ["read"]})
    for key, status, code in (
        (None, 401, b"\x08\x10"),
        ("af_x_y", 401, b"\x08\x10"),
        (made.json()["key"], 403, b"\x08\x07"),
    ):
        async with api.as_key(key) as client:
            answer = await client.post(PATH, content=body, headers={"Content-Type": PROTOBUF})
        assert (answer.status_code, answer.headers["content-type"], answer.content[:2]) == (status, PROTOBUF, code)
    assert spans_of(api) == {}


async def test_a_log_that_is_down_is_503_and_the_request_may_come_again(api: Running) -> None:
    api.log.down = True
    answer = await post(api, body_of(SHAPES["openinference"], now_ns=now_ns()))
    api.log.down = False
    assert (answer.status_code, answer.headers["retry-after"], answer.content[:2]) == (503, "1", b"\x08\x0e")


async def test_spans_join_runs_of_their_own_organisation_only(api: Running) -> None:
    run_id, trace = await known_run(api)
    await post(api, body_of(SHAPES["openinference"], now_ns=now_ns(), trace=trace))
    made = await api.client.post("/api/v1/organisations", json={"id": unique("other"), "name": "other"})
    async with api.as_key(made.json()["key"]["key"]) as other:
        body = body_of(SHAPES["openinference"], now_ns=now_ns(), trace=trace)
        assert (await other.post(PATH, content=body, headers={"Content-Type": PROTOBUF})).status_code == 200
    ours, theirs = api.log.decoded(TRACE_SPANS)
    assert (ours.org_id, ours.run_id) == (api.org_id, run_id)
    assert (theirs.org_id, theirs.run_id) == (made.json()["id"], "")


async def test_a_key_of_another_project_writes_into_no_run(api: Running) -> None:
    _, trace = await known_run(api, {"agentflow.project": "theirs"})
    (await api.client.post("/api/v1/projects", json={"id": "ours"})).raise_for_status()
    made = await api.client.post("/api/v1/keys", json={"name": "k", "permissions": ["write"], "project": "ours"})
    body = body_of(SHAPES["openinference"], now_ns=now_ns(), trace=trace)
    async with api.as_key(made.json()["key"]) as client:
        answer = await client.post(PATH, content=body, headers={"Content-Type": PROTOBUF})
        assert ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans == 3
        body = body_of(SHAPES["openinference"], now_ns=now_ns())
        assert (await client.post(PATH, content=body, headers={"Content-Type": PROTOBUF})).status_code == 200
    (record,) = api.log.decoded(TRACE_SPANS)
    assert record.tags == {"agentflow.project": "ours"}
