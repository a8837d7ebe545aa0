"""Plain answers as the streams in which each wire gives them, with texts and arguments in small pieces."""

import json
from collections.abc import Iterator
from typing import Any

from tests.support.wire_fixtures import FIXTURES

DONE = b"data: [DONE]\n\n"
STREAM_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8"}
_PIECE = 4


def sse(data: Any, name: str = "") -> bytes:
    """Return one event."""
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def frames(provider: str, answer: dict[str, Any]) -> list[bytes]:
    """Return the events of a plain answer's stream."""
    return list(_STREAMS[FIXTURES[provider]](answer))


def pieces(text: str | None) -> list[str]:
    text = text or ""
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]


def _chat(answer: dict[str, Any]) -> Iterator[bytes]:
    head = {name: value for name, value in answer.items() if name not in ("choices", "usage", "object")}
    head["object"] = "chat.completion.chunk"

    def chunk(delta: dict[str, Any], reason: Any = None) -> bytes:
        return sse(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], "usage": None})

    choice = answer["choices"][0]
    message = choice["message"]
    yield b": a comment\n\n"
    yield chunk({"role": "assistant"})
    for name in ("reasoning_content", "reasoning", "content", "refusal"):
        content = message.get(name)
        if isinstance(content, list):
            content = "".join(part.get("text", "") for part in content)
        if isinstance(content, str):
            yield chunk({name: ""})
            for piece in pieces(content):
                yield chunk({name: piece})
    for index, call in enumerate(message.get("tool_calls") or ()):
        first = call | {"index": index, "function": call["function"] | {"arguments": ""}}
        yield chunk({"tool_calls": [first]})
        for piece in pieces(call["function"]["arguments"]):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, choice.get("finish_reason") or "stop")
    if "usage" in answer:
        yield sse(head | {"choices": [], "usage": answer["usage"]})
    yield DONE


def _responses(answer: dict[str, Any]) -> Iterator[bytes]:
    number = iter(range(10_000))

    def event(kind: str, **more: Any) -> bytes:
        return sse({"type": kind, "sequence_number": next(number)} | more, kind)

    yield event("response.created", response=answer | {"status": "in_progress", "output": [], "usage": None})
    for at, item in enumerate(answer["output"]):
        begun = item | ({"arguments": ""} if item["type"] == "function_call" else {"content": []})
        yield event("response.output_item.added", output_index=at, item=begun)
        for part in item.get("content") or ():
            kind = {"output_text": "output_text", "refusal": "refusal"}.get(part["type"])
            for piece in pieces(part.get("text") or part.get("refusal")) if kind else ():
                yield event(f"response.{kind}.delta", output_index=at, content_index=0, delta=piece)
        for piece in pieces(item.get("arguments")):
            yield event("response.function_call_arguments.delta", output_index=at, delta=piece)
        yield event("response.output_item.done", output_index=at, item=item)
    status = answer.get("status", "completed")
    kind = status if status in ("completed", "incomplete", "failed") else "failed"
    yield event(f"response.{kind}", response=answer)


def _messages(answer: dict[str, Any]) -> Iterator[bytes]:
    usage = answer.get("usage")
    begun: dict[str, Any] = {"content": [], "stop_reason": None}
    if usage is not None:
        begun["usage"] = usage | {"output_tokens": 1}
    yield sse({"type": "message_start", "message": answer | begun}, "message_start")
    yield sse({"type": "ping"}, "ping")
    for at, block in enumerate(answer["content"]):
        empty = {"text": "", "thinking": "", "signature": "", "input": {}}
        start = block | {name: value for name, value in empty.items() if name in block}
        yield sse({"type": "content_block_start", "index": at, "content_block": start}, "content_block_start")
        for delta in _deltas(block):
            yield sse({"type": "content_block_delta", "index": at, "delta": delta}, "content_block_delta")
        yield sse({"type": "content_block_stop", "index": at}, "content_block_stop")
    end: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": answer.get("stop_reason")}}
    if usage is not None:
        # Totals, without the parts that only the start has.
        end["usage"] = {name: value for name, value in usage.items() if name.endswith("_tokens")}
    yield sse(end, "message_delta")
    yield sse({"type": "message_stop"}, "message_stop")


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from ({"type": "thinking_delta", "thinking": piece} for piece in pieces(block.get("thinking")))
    if "signature" in block:
        yield {"type": "signature_delta", "signature": block["signature"]}
    yield from ({"type": "text_delta", "text": piece} for piece in pieces(block.get("text")))
    if block.get("input"):
        written = json.dumps(block["input"])
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces(written)])


def _content(answer: dict[str, Any]) -> Iterator[bytes]:
    head = {name: value for name, value in answer.items() if name != "candidates"}
    candidates = answer.get("candidates") or []
    if not candidates:
        yield sse(head)
        return
    candidate = candidates[0]
    early = dict(head)
    if "usageMetadata" in head:
        early["usageMetadata"] = {"promptTokenCount": head["usageMetadata"].get("promptTokenCount", 0)}
    for part in candidate.get("content", {}).get("parts", ()):
        plain = part.keys() <= {"text", "thought"}
        for piece in pieces(part["text"]) if plain else ():
            content = {"role": "model", "parts": [part | {"text": piece}]}
            yield sse(early | {"candidates": [{"index": 0, "content": content}]})
        if not plain:
            yield sse(early | {"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}]})
    yield sse(head | {"candidates": [{**candidate, "content": {"role": "model", "parts": []}}]})


def _chat_v2(answer: dict[str, Any]) -> Iterator[bytes]:
    def event(kind: str, at: int | None = None, **delta: Any) -> bytes:
        place = {} if at is None else {"index": at}
        return sse({"type": kind} | place | {"delta": delta}, kind)

    message = answer["message"]
    yield sse({"type": "message-start", "id": answer.get("id"), "delta": {"message": {"role": "assistant"}}})
    for piece in pieces(message.get("tool_plan")):
        yield event("tool-plan-delta", message={"tool_plan": piece})
    for at, call in enumerate(message.get("tool_calls") or ()):
        first = call | {"function": call["function"] | {"arguments": ""}}
        yield event("tool-call-start", at, message={"tool_calls": first})
        for piece in pieces(call["function"]["arguments"]):
            yield event("tool-call-delta", at, message={"tool_calls": {"function": {"arguments": piece}}})
        yield event("tool-call-end", at)
    for at, part in enumerate(message.get("content") or ()):
        kind = part["type"]
        yield event("content-start", at, message={"content": {"type": kind, kind: ""}})
        for piece in pieces(part[kind]):
            yield event("content-delta", at, message={"content": {kind: piece}})
        yield event("content-end", at)
    end = {"finish_reason": answer.get("finish_reason")}
    yield event("message-end", **(end | ({"usage": answer["usage"]} if "usage" in answer else {})))


_STREAMS = {
    "openai": _chat,
    "responses": _responses,
    "anthropic": _messages,
    "google": _content,
    "cohere": _chat_v2,
}
