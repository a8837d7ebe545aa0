"""A local server that speaks the batch wires of OpenAI and Anthropic, and counts every call that it makes.

A batch is open for ``lasts_ms`` by ``now_ms``, which its owner moves unless it ``is_live``; then its calls are made:
all but those that ``unmade`` names, which expire, and those of ``refused``, which fail. A call is known by its prompt.
Of ``lose_replies`` creations the answer is 504, though the batch is there.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from aiohttp import web

from schemas.clock import now_ms

KEY = "secret-key-of-a-test"
_PAGE = 100


@dataclass
class Served:
    """One batch at the provider."""

    id: str
    kind: str
    calls: list[tuple[str, dict[str, Any]]]
    metadata: Mapping[str, str]
    created_ms: int
    state: str = "open"
    results: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)


class BatchServer:
    """Both wires. ``made`` counts calls by prompt, ``tokens`` are what the last one of a prompt used."""

    def __init__(self, lasts_ms: int = 0) -> None:
        self.lasts_ms = lasts_ms
        self.unmade: set[str] = set()
        self.refused: set[str] = set()
        self.lose_replies = 0
        self.now_ms = 0
        self.is_live = False
        self.made: Counter[str] = Counter()
        self.plain: Counter[str] = Counter()
        self.tokens: dict[str, tuple[int, int]] = {}
        self.files: dict[str, bytes] = {}
        self.uploaded = 0
        self.removed: set[str] = set()
        self.batches: dict[str, Served] = {}
        self.asked: list[str] = []
        self.url = ""

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=512 * 1024 * 1024, middlewares=[self._authorized])
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files/{id}/content", self._content)
        app.router.add_delete("/v1/files/{id}", self._remove)
        app.router.add_post("/v1/chat/completions", self._completion)
        for root, kind in (("/v1/batches", "openai"), ("/v1/messages/batches", "anthropic")):
            app.router.add_post(root, self._create_openai if kind == "openai" else self._create_anthropic)
            app.router.add_get(root, self._list_openai if kind == "openai" else self._list_anthropic)
            app.router.add_get(root + "/{id}", self._look)
            app.router.add_post(root + "/{id}/cancel", self._cancel)
        app.router.add_get("/v1/messages/batches/{id}/results", self._results)
        return app

    @web.middleware
    async def _authorized(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if self.is_live:
            self.now_ms = now_ms()
        for batch in self.batches.values():
            if batch.state != "ended" and self.now_ms >= batch.created_ms + self.lasts_ms:
                self._end(batch)
        given = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        if given != KEY:
            return web.json_response({"error": {"type": "authentication_error", "message": "wrong key"}}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        name = f"file-{self.uploaded}"
        if form.get("purpose") != "batch" or not isinstance(file := form.get("file"), web.FileField):
            return web.json_response({"error": {"message": "no file for a batch"}}, status=400)
        self.files[name] = file.file.read()
        self.uploaded += 1
        return web.json_response({"id": name, "object": "file", "purpose": "batch"})

    async def _content(self, request: web.Request) -> web.Response:
        which, _, batch = request.match_info["id"].partition("-")
        found = self.batches.get(batch)
        if found is None or request.match_info["id"] in self.removed:
            return _unknown()
        return _jsonl(found.results if which == "out" else found.errors)

    async def _remove(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        if name in self.removed:
            return _unknown()
        self.removed.add(name)
        self.files.pop(name, None)
        return web.json_response({"id": name, "object": "file", "deleted": True})

    async def _create_openai(self, request: web.Request) -> web.Response:
        body = await request.json()
        lines = [json.loads(line) for line in self.files[body["input_file_id"]].splitlines()]
        if any(line["url"] != body["endpoint"] or line["method"] != "POST" for line in lines):
            return web.json_response({"error": {"message": "another endpoint"}}, status=400)
        return self._created("openai", [(line["custom_id"], line["body"]) for line in lines], body.get("metadata", {}))

    async def _create_anthropic(self, request: web.Request) -> web.Response:
        calls = [(one["custom_id"], one["params"]) for one in (await request.json())["requests"]]
        if any(len(name) > 64 for name, _ in calls):
            return web.json_response({"error": {"message": "a custom_id is too long"}}, status=400)
        return self._created("anthropic", calls, {})

    def _created(self, kind: str, calls: list[tuple[str, dict[str, Any]]], metadata: Mapping[str, str]) -> web.Response:
        batch = Served(f"b{len(self.batches)}", kind, calls, metadata, self.now_ms)
        self.batches[batch.id] = batch
        if self.lose_replies > 0:
            self.lose_replies -= 1
            return web.json_response({"error": {"message": "gateway timeout"}}, status=504)
        return web.json_response(self._shown(batch))

    async def _list_openai(self, request: web.Request) -> web.Response:
        listed, more = self._page("openai", request.query.get("after"))
        return web.json_response({"object": "list", "data": listed, "has_more": more})

    async def _list_anthropic(self, request: web.Request) -> web.Response:
        listed, more = self._page("anthropic", request.query.get("after_id"))
        return web.json_response({"data": listed, "has_more": more})

    def _page(self, kind: str, after: str | None) -> tuple[list[dict[str, Any]], bool]:
        newest = [one for one in reversed(self.batches.values()) if one.kind == kind]
        begin = next((n + 1 for n, one in enumerate(newest) if one.id == after), 0)
        return [self._shown(one) for one in newest[begin : begin + _PAGE]], len(newest) > begin + _PAGE

    async def _look(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return _unknown()
        return web.json_response(self._shown(batch))

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self.batches[request.match_info["id"]]
        if batch.state == "open":
            batch.state = "canceling"
        return web.json_response(self._shown(batch))

    async def _results(self, request: web.Request) -> web.Response:
        batch = self.batches[request.match_info["id"]]
        # The order is none that a reader may rely on.
        return _jsonl(sorted(batch.results + batch.errors, key=lambda one: crc32(one["custom_id"].encode())))

    async def _completion(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.plain[prompt_of(body)] += 1
        return web.json_response(_completion(body, tokens_of(prompt_of(body))))

    def _end(self, batch: Served) -> None:
        canceled = batch.state == "canceling"
        batch.state = "ended"
        for name, body in batch.calls:
            prompt = prompt_of(body)
            if canceled or prompt in self.unmade:
                batch.errors.append(_not_made(batch.kind, name, canceled=canceled))
            elif prompt in self.refused:
                batch.errors.append(_refused(batch.kind, name))
            else:
                self.made[prompt] += 1
                used = self.tokens[prompt] = tokens_of(prompt)
                batch.results.append(_made(batch.kind, name, body, used))

    def _shown(self, batch: Served) -> dict[str, Any]:
        made = datetime.fromtimestamp(batch.created_ms / 1000, UTC)
        if batch.kind == "openai":
            ended = {"open": "in_progress", "canceling": "cancelling"}.get(batch.state, "completed")
            files = {"output_file_id": f"out-{batch.id}", "error_file_id": f"err-{batch.id}"}
            return {
                "id": batch.id,
                "object": "batch",
                "status": ended,
                "created_at": batch.created_ms // 1000,
                "metadata": dict(batch.metadata),
                **(files if batch.state == "ended" else {}),
            }
        left = 0 if batch.state == "ended" else len(batch.calls)
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": {"open": "in_progress"}.get(batch.state, batch.state),
            "created_at": made.isoformat().replace("+00:00", "Z"),
            "request_counts": {
                "processing": left,
                "succeeded": len(batch.results),
                "errored": 0,
                "expired": len(batch.errors),
            },
        }


def tokens_of(prompt: str) -> tuple[int, int]:
    """Return what a call with this prompt reads and writes."""
    digest = crc32(prompt.encode())
    return 5 + digest % 40, 1 + digest // 64 % 60


def prompt_of(body: Mapping[str, Any]) -> str:
    """Return the text of a call's last message."""
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _made(kind: str, name: str, body: dict[str, Any], used: tuple[int, int]) -> dict[str, Any]:
    if kind == "openai":
        response = {"status_code": 200, "request_id": f"req-{name}", "body": _completion(body, used)}
        return {"id": f"r-{name}", "custom_id": name, "response": response, "error": None}
    message = {
        "id": f"msg-{name}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [{"type": "text", "text": f"answer to {prompt_of(body)}"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": used[0], "output_tokens": used[1], "service_tier": "batch"},
    }
    return {"custom_id": name, "result": {"type": "succeeded", "message": message}}


def _completion(body: dict[str, Any], used: tuple[int, int]) -> dict[str, Any]:
    said = {"role": "assistant", "content": f"answer to {prompt_of(body)}"}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": body["model"],
        "choices": [{"index": 0, "message": said, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": used[0], "completion_tokens": used[1], "total_tokens": sum(used)},
    }


def _not_made(kind: str, name: str, *, canceled: bool) -> dict[str, Any]:
    if kind == "openai":
        code = "batch_cancelled" if canceled else "batch_expired"
        return {"custom_id": name, "response": None, "error": {"code": code, "message": "it was not made in time"}}
    return {"custom_id": name, "result": {"type": "canceled" if canceled else "expired"}}


def _refused(kind: str, name: str) -> dict[str, Any]:
    if kind == "openai":
        error = {"error": {"message": "the prompt is not allowed", "type": "invalid_request_error"}}
        return {"custom_id": name, "response": {"status_code": 400, "body": error}, "error": None}
    said = {"type": "invalid_request_error", "message": "the prompt is not allowed"}
    return {"custom_id": name, "result": {"type": "errored", "error": {"type": "error", "error": said}}}


def _jsonl(lines: list[dict[str, Any]]) -> web.Response:
    return web.Response(body=b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def _unknown() -> web.Response:
    return web.json_response({"error": {"message": "there is no such batch", "type": "not_found_error"}}, status=404)


@asynccontextmanager
async def batch_server(lasts_ms: int = 0) -> AsyncIterator[BatchServer]:
    """Run a server on a free port of this machine; its URL ends in the version, as providers' do."""
    server = BatchServer(lasts_ms)
    runner = web.AppRunner(server.app())
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield server
    finally:
        await runner.cleanup()
