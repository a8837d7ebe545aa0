"""HTTP as a client may expect of every path: HEAD, Allow, bodies that are named, documentation without other hosts."""

import gzip
import json
import re

import pytest

from tests.support.api import SUBMISSION, Running

RUNS, WORKFLOWS, BUDGETS = "/api/v1/workflows/runs", "/api/v1/workflows", "/api/v1/budgets"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", WORKFLOWS, RUNS, BUDGETS, "/docs", "/openapi.json"])
async def test_head_is_get_without_its_body(api: Running, path: str) -> None:
    get, head = await api.client.get(path), await api.client.head(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", WORKFLOWS, "GET, HEAD, POST"),
        ("DELETE", RUNS, "GET, HEAD, POST"),
        ("PUT", f"{BUDGETS}/b", "GET, HEAD, PATCH, DELETE"),
        ("POST", "/health", "GET, HEAD"),
        ("POST", "/api/v1/limits", "GET, HEAD, PUT, DELETE"),
    ],
)
async def test_a_wrong_method_is_told_every_right_one(api: Running, method: str, path: str, allow: str) -> None:
    answer = await api.client.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"", JSON, 400, "the body is empty: send JSON"),
        (b"{", JSON, 400, "the body is not valid JSON"),
        (b'{"workflow_name": "\xff"}', JSON, 400, "not UTF-8 at byte 19"),
        (b"--b\r\n", {"Content-Type": "multipart/form-data; boundary=b"}, 415, "multipart/form-data is not supported"),
        (b"{}", {}, 415, "has no content type: send JSON"),
        (
            gzip.compress(b"{}", mtime=0),
            {**JSON, "Content-Encoding": "gzip"},
            415,
            "content-encoding gzip is not supported",
        ),
        (json.dumps(SUBMISSION).encode("utf-16"), JSON, 415, "the body is UTF-16: send JSON in UTF-8"),
        (json.dumps(SUBMISSION).encode("utf-16-le"), JSON, 415, "UTF-16"),
        (b"{}", {"Content-Type": "application/json; charset=latin-1"}, 415, "the body is latin-1"),
        (b"[]", JSON, 422, "send a JSON object"),
    ],
)
@pytest.mark.parametrize("path", [RUNS, BUDGETS, "/api/v1/prompts"])
async def test_a_body_that_cannot_be_read_is_named(
    api: Running, path: str, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    answer = await api.client.post(path, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("path", "status"), [(RUNS, 415), (BUDGETS, 415), ("/api/v1/prompts", 422)])
async def test_a_form_is_named_unless_it_may_be_a_document(api: Running, path: str, status: int) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await api.client.post(path, content=b"workflow_name=x", headers=headers)
    assert answer.status_code == status, answer.text
    words = "x-www-form-urlencoded is not supported" if status == 415 else "the document is a text"
    assert words in answer.json()["detail"]


async def test_a_compressed_document_is_named(api: Running) -> None:
    answer = await api.client.post(
        WORKFLOWS, content=gzip.compress(b"name: a", mtime=0), headers={"Content-Encoding": "gzip"}
    )
    assert (answer.status_code, "send the body plain" in answer.json()["detail"]) == (415, True)


async def test_a_body_that_may_be_missing_may_be_missing(api: Running) -> None:
    assert (await api.client.post(f"{RUNS}/no-such-run/cancel")).status_code == 404


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_documentation_asks_no_other_host(api: Running, path: str) -> None:
    page = await api.client.get(path)
    assert page.status_code == 200
    assert re.findall(r"""(?:https?:)?//[^\s"'<>]+""", page.text) == []
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
