"""The sample runs once, within a deadline, and says in codes what failed."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import orjson
import pytest

from deploy.local.samples.once import Sample
from deploy.local.samples.runs import SampleError


class FakeApi(BaseHTTPRequestHandler):
    """An API whose runs all end in one state. It fails every tenth request, as one that restarts does."""

    run: ClassVar[dict[str, object]] = {}
    asked: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        self._answer(200, self.run)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.path, self.headers.get("Idempotency-Key", "")))
        if len(self.asked) % 10 == 0:
            self._answer(503, {})
        elif self.path.endswith("/organisations"):
            self._answer(201, {"key": {"key": "k-2"}})
        else:
            self._answer(202 if self.path.endswith("/runs") else 201, {"id": "r-1"})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _answer(self, code: int, body: object) -> None:
        data = orjson.dumps(body)
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def url() -> Iterator[str]:
    FakeApi.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeApi) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def sample(tmp_path: Path, *, wanted: bool | None = None) -> Sample:
    return Sample(tmp_path, wanted=wanted, terminal=False)


def run_of(status: str, **more: object) -> dict[str, object]:
    return {"id": "r-1", "workflow_name": "brief", "tags": {}, "status": status, "steps": [], **more}


def test_it_runs_once_in_an_organisation_and_on_a_budget_of_its_own(tmp_path: Path, url: str) -> None:
    FakeApi.run = run_of("succeeded")
    assert sample(tmp_path).due
    sample(tmp_path).run(url, "k-1")
    assert not sample(tmp_path).due
    assert sample(tmp_path, wanted=True).due
    assert not sample(tmp_path, wanted=False).due
    assert {"/api/v1/organisations", "/api/v1/budgets"} <= {path for path, _ in FakeApi.asked}
    assert (tmp_path / "sample-key").read_text() == "k-2"
    assert (tmp_path / "sample-key").stat().st_mode & 0o077 == 0


def test_a_second_time_submits_new_runs(tmp_path: Path, url: str) -> None:
    FakeApi.run = run_of("succeeded")
    for _ in range(2):
        sample(tmp_path, wanted=True).run(url, "k-1")
    keys = {key for path, key in FakeApi.asked if path.endswith("/runs")}
    assert {"sample-0-0", "sample-1-0"} <= keys


def test_a_failure_is_said_in_codes_and_not_in_ids(tmp_path: Path, url: str) -> None:
    FakeApi.run = run_of("failed", error={"code": "budget_exceeded", "step_id": "read", "message": "no money"})
    with pytest.raises(SampleError) as caught:
        sample(tmp_path).run(url, "k-1")
    assert "brief failed with budget_exceeded at read" in str(caught.value)
    assert "r-1" not in str(caught.value)
    assert not sample(tmp_path).due


def test_runs_that_do_not_end_meet_the_deadline(tmp_path: Path, url: str) -> None:
    FakeApi.run = run_of("running")
    with pytest.raises(SampleError, match="it did not end within 4 s: brief"):
        sample(tmp_path).run(url, "k-1", deadline_s=4.0)


def test_an_api_that_does_not_answer_meets_the_deadline(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"did not take its workflows within 0\.5 s"):
        sample(tmp_path).run("http://127.0.0.1:9", "k-1", deadline_s=0.5)
