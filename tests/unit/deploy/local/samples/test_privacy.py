"""The sample of privacy shows an answer to two readers and after an erasure, and fails when one sees too much."""

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import orjson
import pytest
from rich.console import Console

from deploy.local.samples import privacy
from deploy.local.samples.privacy import ADDRESS, run_privacy
from deploy.local.samples.runs import SampleError

TOKEN = "EML_7K3M2QXWD4F5S"
ERASED = {"kind": "erased", "subject": "sub_1"}


class FakeApi(BaseHTTPRequestHandler):
    """An API that shows each key an answer of its own, and another one after an erasure."""

    answers: ClassVar[dict[str, Any]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        erased = any(path.endswith("/erase") for path in self.asked)
        key = "erased" if erased else str(self.headers["Authorization"]).removeprefix("Bearer ")
        self._answer(200, {"status": "succeeded", "output": {"answer": self.answers[key]}})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append(self.path)
        codes = {"/runs": 202, "/erase": 200, "/activate": 200}
        code = next((code for end, code in codes.items() if self.path.endswith(end)), 201)
        self._answer(code, {"id": "run-1", "version": 1, "key": "plain"})

    def do_DELETE(self) -> None:
        self.asked.append(self.path)
        self._answer(200, {})

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
    FakeApi.asked = []
    FakeApi.answers = {"plain": _said(TOKEN), "admin": _said(ADDRESS), "erased": ERASED}
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeApi)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def _said(who: str) -> str:
    return f"Summary of 1 part:\n- Please write to {who} when it will be here.\nCounts: 3 sentences"


async def test_it_prints_what_each_reader_saw_and_leaves_no_policy(url: str) -> None:
    out = io.StringIO()
    shown = await run_privacy(url, "admin", Console(file=out, width=200))
    assert shown.token == f"Please write to {TOKEN} when it will be here."
    assert shown.value == f"Please write to {ADDRESS} when it will be here."
    assert shown.erased == "erased"
    assert f"the model and the log have:    {shown.token}" in out.getvalue()
    assert FakeApi.asked[-1] == "/api/v1/policies/active"


@pytest.mark.parametrize(
    ("key", "answer", "said"),
    [
        ("plain", _said(ADDRESS), "without the right to values was shown an address"),
        ("admin", _said(TOKEN), "was not shown the address"),
        ("erased", _said(ADDRESS), "address of an erased person was shown"),
    ],
)
async def test_a_reader_who_sees_too_much_or_too_little_fails_it(url: str, key: str, answer: str, said: str) -> None:
    FakeApi.answers[key] = answer
    with pytest.raises(SampleError, match=said):
        await run_privacy(url, "admin", Console(file=io.StringIO()))


def test_the_policy_of_the_example_is_valid() -> None:
    from schemas.policies.read import read_policy

    policy = read_policy((privacy.FOLDER / "policy.yaml").read_text(encoding="utf-8"))
    assert policy.name == privacy.POLICY
    assert policy.privacy is not None
