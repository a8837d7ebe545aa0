"""The table: what each wire's server does wrong, and what it must mean, in class and in money.

``WIRES`` x ``FAULTS`` are the cases. An answer is always counted as 10 tokens in and 5 out, at 3 and 15 nano-dollars.
"""

import copy
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple

from tests.provider_faults.server import Script, chunk, http, stream_head
from tests.support.wire_fixtures import FIXTURES, fixture
from tests.support.wire_server import SPEECHES
from tests.support.wire_streams import DONE, frames, sse

WIRES = ("openai", "responses", "anthropic", "google", "cohere")
#: Where each wire counts, and what it counts.
COUNTED: Mapping[str, tuple[str, dict[str, Any]]] = {
    "openai": ("usage", {"prompt_tokens": 10, "completion_tokens": 5}),
    "responses": ("usage", {"input_tokens": 10, "output_tokens": 5}),
    "anthropic": ("usage", {"input_tokens": 10, "output_tokens": 5}),
    "google": ("usageMetadata", {"promptTokenCount": 10, "candidatesTokenCount": 5}),
    "cohere": ("usage", {"billed_units": {"input_tokens": 10, "output_tokens": 5}}),
}
#: Wires that say what they read before they have written all.
_COUNT_EARLY = ("anthropic", "google")

Money = Literal["nothing", "counted", "estimate", "seen", "input bound", "output bound", "bounds"]
"""What is booked: nothing; as counted; presumed at the estimate; presumed at what was counted so far, with as much
output as there may be, or at the estimate where nothing was; or actual, with bounds in place of what was not counted.
"""


class Means(NamedTuple):
    """What a fault means: the error's code, ``ok`` for an answer; ``retry_after_ms`` is checked where it is given."""

    code: str
    money: Money
    retryable: bool = True
    retry_after_ms: int | None = None


OK = Means("ok", "counted")
BROKEN = Means("provider_unavailable", "estimate")
BROKEN_LATER = Means("provider_unavailable", "seen")
NO_ANSWER = Means("provider_error", "estimate")
TIMEOUT = Means("timeout", "estimate")


class Kit:
    """What one wire says."""

    def __init__(self, wire: str) -> None:
        self.wire = wire

    @cached_property
    def answer(self) -> dict[str, Any]:
        return self.with_usage(COUNTED[self.wire][1])

    def with_usage(self, usage: dict[str, Any] | None) -> dict[str, Any]:
        """Return the plain answer with other counts, or none."""
        answer: dict[str, Any] = copy.deepcopy(fixture(self.wire, "plain")["received"])
        name = COUNTED[self.wire][0]
        answer.pop(name, None)
        return answer if usage is None else answer | {name: usage}

    def counts(self, value: Any) -> dict[str, Any]:
        """Return counts that are all ``value``."""

        def replaced(counts: dict[str, Any]) -> dict[str, Any]:
            return {name: replaced(one) if isinstance(one, dict) else value for name, one in counts.items()}

        return replaced(COUNTED[self.wire][1])

    @cached_property
    def frames(self) -> list[bytes]:
        return frames(self.wire, self.answer)

    @cached_property
    def body(self) -> bytes:
        return json.dumps(self.answer).encode()

    def error(self, status: int, message: str = "it broke") -> bytes:
        return json.dumps(SPEECHES[self.wire].error(status, message)).encode()

    def error_frame(self, status: int, kind: str) -> bytes:
        """Return an error as it stands in a stream."""
        match FIXTURES[self.wire]:
            case "responses":
                error = {"type": "error", "code": kind, "message": "it broke", "param": None, "sequence_number": 3}
                return sse(error, "error")
            case "anthropic":
                return sse({"type": "error", "error": {"type": kind, "message": "it broke"}}, "error")
            case "google":
                return sse({"error": {"code": status, "message": "it broke", "status": "AN_ERROR"}})
            case _:
                return sse({"error": {"message": "it broke", "type": kind, "code": status}})

    @property
    def first(self) -> list[bytes]:
        """The events up to the first half of the answer's text."""
        at = next(i for i, frame in enumerate(self.frames) if b'"Pari"' in frame)
        return self.frames[: at + 1]


@dataclass(frozen=True)
class Fault:
    """One row. ``instead`` are wires for which it means something else."""

    name: str
    script: Callable[[Kit], Script]
    means: Means
    stream: bool = False
    instead: Mapping[str, Means] = field(default_factory=dict)
    #: The call's time limit; short where the server is silent.
    limit_s: float = 60.0
    url: str = "http://127.0.0.1:{port}"
    text: str | None = "Paris."
    tools: bool = False


def _status(status: int, *headers: str) -> Callable[[Kit], Script]:
    return lambda kit: [http(kit.error(status), status, "application/json", *headers)]


def _said(body: bytes, kind: str = "application/json", *headers: str) -> Callable[[Kit], Script]:
    return lambda _: [http(body, 200, kind, *headers)]


def _streamed(*parts: bytes, end: bool = True) -> Script:
    return [stream_head(), *(chunk(part) for part in parts), *([chunk(b"")] if end else [])]


@cache
def _bomb() -> bytes:
    # 20 MiB of spaces in 20 kB.
    return gzip.compress(b" " * (20 * 1024 * 1024), 9)


def _soon() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=3_000), usegmt=True)


def _empty(kit: Kit) -> Script:
    empty = {"openai": {"choices": []}, "responses": {"output": []}, "google": {"candidates": []}}
    empty |= {"anthropic": {"content": []}, "cohere": {"message": {"role": "assistant", "content": []}}}
    return [http(json.dumps(kit.answer | empty[kit.wire]).encode())]


def _broken_call(kit: Kit) -> dict[str, Any]:
    """Return an answer that asks for a call with arguments that are no JSON."""
    function = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": '{"at": 1'}}
    message = {"role": "assistant", "content": None, "tool_calls": [function]}
    part = {"functionCall": {"name": "read", "args": "{"}}
    said: dict[str, dict[str, Any]] = {
        "openai": {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]},
        "responses": {"output": [{"type": "function_call", "call_id": "c1", "name": "read", "arguments": '{"at": 1'}]},
        "anthropic": {
            "content": [{"type": "tool_use", "id": "c1", "name": "read", "input": '{"at": 1'}],
            "stop_reason": "tool_use",
        },
        "google": {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]},
        "cohere": {"message": message | {"content": []}, "finish_reason": "TOOL_CALL"},
    }
    return kit.answer | said[kit.wire]


def _broken_call_frames(kit: Kit) -> list[bytes]:
    if kit.wire != "anthropic":
        return frames(kit.wire, _broken_call(kit))
    whole = frames("anthropic", kit.answer | {"content": [], "stop_reason": "tool_use"})
    block = {"type": "tool_use", "id": "c1", "name": "read", "input": {}}
    piece = {"type": "input_json_delta", "partial_json": '{"at": 1'}
    start = sse({"type": "content_block_start", "index": 0, "content_block": block})
    return [*whole[:2], start, sse({"type": "content_block_delta", "index": 0, "delta": piece}), *whole[2:]]


def _usage_twice(kit: Kit) -> list[bytes]:
    """Return a stream with the counts of a moment before its last ones."""
    earlier = frames(kit.wire, kit.with_usage(kit.counts(1)))
    last = kit.frames
    match kit.wire:
        case "openai":
            return [*last[:-2], earlier[-2], *last[-2:]]
        case "anthropic":
            return [*last[:-2], earlier[-2], *last[-2:]]
        case "google":
            return [earlier[0], *last]
        case _:
            return [earlier[-1], *last]


def _usage_after_end(kit: Kit) -> list[bytes]:
    """Return a stream whose counts come after its end, as far as the wire can say so."""
    last = kit.frames
    match kit.wire:
        case "openai":
            return [*last[:-2], DONE, last[-2]]
        case "google":
            bare = frames("google", kit.with_usage(None))
            return [*bare, sse({"usageMetadata": COUNTED["google"][1]})]
        case _:
            return last


def _without_end(kit: Kit) -> list[bytes]:
    return kit.frames[:-1] if kit.wire in ("openai", "anthropic") else kit.frames


def _before_counts(kit: Kit) -> list[bytes]:
    return kit.frames[:-2] if kit.wire == "openai" else _without_end(kit)


FAULTS = (
    # Whole answers: the network and HTTP.
    Fault("slow headers", lambda _: ["hang"], TIMEOUT, limit_s=1.0),
    Fault("slow body", lambda kit: [http(kit.body)[:-9], "hang"], TIMEOUT, limit_s=1.0),
    Fault("dripping body", lambda _: [http(b"", length=10**6), *([b" ", 0.05] * 400)], TIMEOUT, limit_s=1.0),
    Fault("closed before headers", lambda _: ["close"], BROKEN),
    Fault("reset before headers", lambda _: ["reset"], BROKEN),
    Fault("headers cut", lambda _: [b"HTTP/1.1 200 OK\r\nContent-Ty", "close"], BROKEN),
    Fault("no HTTP", lambda _: [b"220 mail.example ESMTP\r\n\r\n"], BROKEN),
    Fault(
        "headers without end", lambda _: [b"HTTP/1.1 200 OK\r\n", *([b"X-Y: " + b"y" * 9_000 + b"\r\n"] * 20)], BROKEN
    ),
    Fault("body cut", lambda kit: [http(kit.body, length=len(kit.body) + 9), "close"], BROKEN),
    Fault("body reset", lambda kit: [http(kit.body)[:-9], 0.05, "reset"], BROKEN),
    Fault("half-closed connection", lambda _: ["half-close"], BROKEN),
    Fault(
        "TLS error",
        lambda kit: ["at once", http(kit.body)],
        Means("provider_unavailable", "nothing"),
        url="https://127.0.0.1:{port}",
    ),
    Fault("nobody there", lambda _: [], Means("provider_unavailable", "nothing"), url="http://127.0.0.1:1"),
    Fault(
        "redirect",
        _status(307, "Location: http://127.0.0.1:1/"),
        Means("provider_rejected", "nothing", retryable=False),
    ),
    Fault("redirect to itself", _status(302, "Location: /"), Means("provider_rejected", "nothing", retryable=False)),
    # Statuses.
    Fault("400", _status(400), Means("provider_rejected", "nothing", retryable=False)),
    Fault("401", _status(401), Means("provider_auth", "nothing", retryable=False)),
    Fault("402", _status(402), Means("provider_no_credit", "nothing", retryable=False)),
    Fault("408", _status(408), Means("provider_timeout", "estimate")),
    Fault("429 in ms", _status(429, "retry-after-ms: 1500"), Means("rate_limited", "nothing", retry_after_ms=1_500)),
    Fault("429 until a date", _status(429, f"Retry-After: {_soon()}"), Means("rate_limited", "nothing")),
    Fault("500", _status(500), Means("provider_unavailable", "nothing")),
    Fault("502", _status(502), BROKEN),
    Fault("503", _status(503, "Retry-After: 2"), Means("provider_unavailable", "nothing", retry_after_ms=2_000)),
    Fault("504", _status(504), BROKEN),
    Fault("529", _status(529), Means("provider_unavailable", "nothing")),
    Fault(
        "an HTML page with 503", lambda _: [http(b"<html>", 503, "text/html")], Means("provider_unavailable", "nothing")
    ),
    # Bodies.
    Fault(
        "200 with an error",
        lambda kit: [http(kit.error(500))],
        Means("provider_unavailable", "nothing"),
        instead={"cohere": NO_ANSWER},
    ),
    Fault("bad JSON", _said(b'{"choices": [{"mess'), NO_ANSWER),
    Fault("JSON of another kind", _said(b"[7]"), NO_ANSWER),
    Fault("deep JSON", _said(b"[" * 100_000), NO_ANSWER),
    Fault("an empty body", _said(b""), NO_ANSWER),
    Fault("an HTML page", _said(b"<html>a proxy</html>", "text/html"), NO_ANSWER),
    Fault("wrong content type", lambda kit: [http(kit.body, 200, "text/plain")], OK),
    Fault("gzip bomb", lambda _: [http(_bomb(), 200, "application/json", "Content-Encoding: gzip")], NO_ANSWER),
    Fault("no gzip", _said(b"{}", "application/json", "Content-Encoding: gzip"), NO_ANSWER),
    Fault("empty choices", _empty, Means("no_text", "counted")),
    Fault(
        "tool call with broken JSON",
        lambda kit: [http(json.dumps(_broken_call(kit)).encode())],
        OK,
        text=None,
        tools=True,
    ),
    Fault("usage missing", lambda kit: [http(json.dumps(kit.with_usage(None)).encode())], Means("ok", "bounds")),
    Fault(
        "usage negative", lambda kit: [http(json.dumps(kit.with_usage(kit.counts(-5))).encode())], Means("ok", "bounds")
    ),
    Fault(
        "usage absurd",
        lambda kit: [http(json.dumps(kit.with_usage(kit.counts(10**15))).encode())],
        Means("ok", "bounds"),
    ),
    # Streams.
    Fault("a stream", lambda kit: _streamed(*kit.frames), OK, stream=True),
    Fault("a stream in bytes", lambda kit: _streamed(*(bytes([b]) for b in b"".join(kit.frames))), OK, stream=True),
    Fault("a plain body for a stream", lambda kit: [http(kit.body)], OK, stream=True),
    Fault("an HTML page for a stream", _said(b"<html>", "text/html"), NO_ANSWER, stream=True),
    Fault(
        "429 for a stream",
        _status(429, "Retry-After: 1"),
        Means("rate_limited", "nothing", retry_after_ms=1_000),
        stream=True,
    ),
    Fault("an empty stream", lambda _: _streamed(), BROKEN, stream=True),
    Fault("a stream cut before its first event", lambda _: [stream_head(), "close"], BROKEN, stream=True),
    Fault("a cut stream", lambda kit: [*_streamed(*kit.first, end=False), "close"], BROKEN_LATER, stream=True),
    Fault("a reset stream", lambda kit: [*_streamed(*kit.first, end=False), 0.05, "reset"], BROKEN_LATER, stream=True),
    Fault("a stream without its end", lambda kit: _streamed(*kit.first), BROKEN_LATER, stream=True),
    Fault(
        "a silent stream",
        lambda kit: [*_streamed(*kit.first, end=False), "hang"],
        Means("timeout", "seen"),
        stream=True,
        limit_s=3.0,
    ),
    Fault(
        "comments for ever",
        lambda _: [stream_head(), *([chunk(b": ping\n\n"), 0.05] * 400)],
        TIMEOUT,
        stream=True,
        limit_s=1.0,
    ),
    Fault(
        "an error first",
        lambda kit: _streamed(kit.error_frame(500, "server_error")),
        Means("provider_unavailable", "nothing"),
        stream=True,
    ),
    Fault(
        "a limit first",
        lambda kit: _streamed(
            kit.error_frame(429, "rate_limit_exceeded" if kit.wire == "responses" else "rate_limit_error")
        ),
        Means("rate_limited", "nothing"),
        stream=True,
    ),
    Fault(
        "an error in the middle",
        lambda kit: _streamed(*kit.first, kit.error_frame(500, "server_error")),
        BROKEN_LATER,
        stream=True,
    ),
    Fault(
        "bad JSON in the middle",
        lambda kit: _streamed(*kit.first, b"data: {\n\n"),
        Means("provider_error", "seen"),
        stream=True,
    ),
    Fault("usage twice", lambda kit: _streamed(*_usage_twice(kit)), OK, stream=True),
    Fault("usage after the end", lambda kit: _streamed(*_usage_after_end(kit)), OK, stream=True),
    Fault("no last event", lambda kit: _streamed(*_without_end(kit)), OK, stream=True),
    Fault(
        "cut after the answer",
        lambda kit: [*_streamed(*_before_counts(kit), end=False), "close"],
        OK,
        stream=True,
        instead={"openai": Means("ok", "bounds")},
    ),
    Fault(
        "a streamed tool call with broken JSON",
        lambda kit: _streamed(*_broken_call_frames(kit)),
        OK,
        stream=True,
        text=None,
        tools=True,
    ),
    Fault(
        "a stream with usage missing",
        lambda kit: _streamed(*frames(kit.wire, kit.with_usage(None))),
        Means("ok", "bounds"),
        stream=True,
    ),
    Fault(
        "a stream with usage negative",
        lambda kit: _streamed(*frames(kit.wire, kit.with_usage(kit.counts(-5)))),
        Means("ok", "bounds"),
        stream=True,
    ),
    Fault(
        "a gzip bomb for a stream",
        lambda _: [http(_bomb(), 200, "text/event-stream", "Content-Encoding: gzip")],
        NO_ANSWER,
        stream=True,
    ),
)


def means(fault: Fault, wire: str) -> Means:
    """Return what a fault means on a wire."""
    meant = fault.instead.get(wire, fault.means)
    return meant._replace(money="estimate") if meant.money == "seen" and wire not in _COUNT_EARLY else meant
