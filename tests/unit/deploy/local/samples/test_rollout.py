"""The sample's rollout submits until it is decided, shows its numbers, and fails unless the worse version goes."""

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import orjson
import pytest
from rich.console import Console

from deploy.local.samples import rollout
from deploy.local.samples.rollout import LETTERS, progress, run_rollout
from deploy.local.samples.runs import SampleError
from tests.support.rollout_answers import DEPLOYMENT, PROMOTED, ROLLED_BACK


class FakeApi(BaseHTTPRequestHandler):
    """An API whose rollout is as ``looks`` say, one after the other."""

    looks: ClassVar[list[dict[str, Any]]] = []
    named: ClassVar[int] = 3
    scores: ClassVar[list[dict[str, int]]] = []
    asked: ClassVar[list[tuple[str, str, Any]]] = []

    def do_GET(self) -> None:
        if "/deployments/" in self.path:
            self._answer(200, self.looks.pop(0) if len(self.looks) > 1 else self.looks[0])
        else:
            self._answer(200, {"version": self.named, "scores": self.scores})
            FakeApi.scores = [{"version": 1}]

    def do_PUT(self) -> None:
        self._said()
        self._answer(200, {})

    def do_POST(self) -> None:
        self._said()
        self._answer(202 if self.path.endswith("/runs") else 201, {"id": "dep_1"})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _said(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        yaml = self.headers.get("Content-Type") == "application/yaml"
        self.asked.append((self.command, self.path, body if yaml else orjson.loads(body)))

    def _answer(self, code: int, body: object) -> None:
        data = orjson.dumps(body)
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(rollout, "LOOK_S", 0.01)
    FakeApi.asked.clear()
    FakeApi.scores = []
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeApi) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


async def shown(url: str, looks: list[dict[str, Any]], named: int = 3, deadline_s: float = 10) -> str:
    FakeApi.looks, FakeApi.named = looks, named
    out = io.StringIO()
    await run_rollout(url, "key", Console(file=out, width=140), deadline_s=deadline_s)
    return out.getvalue()


async def test_letters_are_submitted_until_it_is_decided_and_the_numbers_are_shown(url: str) -> None:
    begins = {**DEPLOYMENT, "statistics": None, "waiting": [{"code": "not_begun", "text": "it has not begun"}]}
    text = await shown(url, [begins, DEPLOYMENT, ROLLED_BACK])
    assert "it has not begun" in text
    assert "1000 runs counted" in text
    assert "900 + 100 scores: 0.90 of stable, 0.88 of version 4; 14% of the evidence for a rollback" in text
    assert "greeter@4 is rolled back after" in text
    assert "score is worse: 0.6 against 0.9 of stable" in text
    assert "900 + 100" in text
    made = [(method, path) for method, path, _ in FakeApi.asked if not path.endswith("/runs")]
    assert made == [
        ("POST", "/api/v1/prompts"),
        ("POST", "/api/v1/prompts"),
        ("PUT", "/api/v1/prompts/letter/scoring"),
        ("POST", "/api/v1/workflows"),
        ("POST", "/api/v1/prompts/letter/deployments"),
    ]
    letters = [body["inputs"]["letter"] for _, path, body in FakeApi.asked if path.endswith("/runs")]
    assert letters[0] == LETTERS[0]  # until one is scored
    assert letters[1 : 1 + len(LETTERS)] == list(LETTERS)
    assert len(letters) == 1 + 2 * rollout.AT_ONCE


async def test_a_worse_version_that_is_promoted_fails_the_sample(url: str) -> None:
    with pytest.raises(SampleError, match="is promoted, and its new version is worse"):
        await shown(url, [PROMOTED])


async def test_a_label_that_did_not_stay_fails_the_sample(url: str) -> None:
    with pytest.raises(SampleError, match="names version 4 after the rollback"):
        await shown(url, [ROLLED_BACK], named=4)


async def test_what_is_never_decided_fails_the_sample(url: str) -> None:
    with pytest.raises(SampleError, match="was not decided within"):
        await shown(url, [DEPLOYMENT], deadline_s=0.3)


def test_a_rollout_without_scores_has_a_line_of_its_runs() -> None:
    statistics = {**DEPLOYMENT["statistics"], "metrics": DEPLOYMENT["statistics"]["metrics"][1:]}
    assert progress({**DEPLOYMENT, "statistics": statistics}, 1.0) == "rollout of greeter: 1000 runs counted, 1.0 s"
