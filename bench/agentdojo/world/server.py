"""The worlds over HTTP on this machine: for tools, for the harness, and a chat-completions API for workers."""

import json
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.agentdojo.world.model import CASE, next_message
from bench.agentdojo.world.suite import Call, Json, Suite
from bench.agentdojo.world.worlds import Worlds


class WorldServer(ThreadingHTTPServer):
    """Serves the worlds of some suites at a free port of the loopback."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, suites: Mapping[str, Suite]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.suites = suites
        self.worlds = Worlds(suites)
        self.answers: Mapping[str, Callable[[Json], Json]] = {
            "/catalogue": self._catalogue,
            "/case": self._case,
            "/begin": self._begin,
            "/call": self._call,
            "/judge": self._judge,
            "/v1/chat/completions": self._complete,
        }

    def _catalogue(self, _asked: Json) -> Json:
        return {
            name: {"tools": [vars(tool) for tool in suite.tools], "cases": list(suite.cases)}
            for name, suite in self.suites.items()
        }

    def _case(self, asked: Json) -> Json:
        case = self.worlds.case(asked["case"])
        plans = {"calls": case.calls, "attack_calls": case.attack_calls}
        return vars(case) | {name: [one._asdict() for one in plan] for name, plan in plans.items()}

    def _begin(self, asked: Json) -> Json:
        self.worlds.begin(asked["run"], asked["case"], asked.get("of", ""))
        return {}

    def _call(self, asked: Json) -> Json:
        return self.worlds.call(asked["run"], asked["key"], asked["tool"], asked["args"])

    def _judge(self, asked: Json) -> Json:
        judged, world = self.worlds.judge(asked["run"], asked["answer"], [Call(**one) for one in asked["calls"]])
        return judged._asdict() | {"done": [one._asdict() for one in world.calls], "repeated": world.repeated}

    def _complete(self, asked: Json) -> Json:
        messages = asked["messages"]
        if not asked.get("tools"):
            return _completion(asked, {"role": "assistant", "content": str(messages[-1]["content"])})
        case_id, behaviour = _named(messages)
        suite = case_id.partition("/")[0]
        said = next_message(self.worlds.case(case_id), messages, f"{suite}_", obedient=behaviour == "obedient")
        return _completion(asked, said)


def _completion(asked: Json, said: Json) -> Json:
    reason = "tool_calls" if said.get("tool_calls") else "stop"
    return {
        "id": "scripted",
        "object": "chat.completion",
        "created": 0,
        "model": asked["model"],
        "choices": [{"index": 0, "finish_reason": reason, "message": said}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def _named(messages: Sequence[Json]) -> tuple[str, str]:
    """Return the case and the behaviour that a request's first message names. Raises ``KeyError``."""
    found = CASE.search(str(messages[0]["content"]))
    if found is None:
        raise KeyError("the prompt names no case")
    return found[1], found[2]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body of an answer are two writes: the second would wait for the client's word of the first.
    disable_nagle_algorithm = True
    server: WorldServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.answers.get(self.path)
        if answer is None:
            self._send(404, {"error": f"there is no {self.path}"})
            return
        try:
            self._send(200, answer(json.loads(body or b"{}")))
        except KeyError as exc:
            self._send(400, {"error": f"unknown: {exc}"})

    def _send(self, status: int, value: Any) -> None:
        sent = json.dumps(value, default=list).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing of single requests."""
