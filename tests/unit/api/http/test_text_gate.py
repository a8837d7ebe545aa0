"""Paths and queries are texts, and numbers in them are ASCII digits."""

from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Query

from api.http import problems
from api.http.text_gate import TextGate
from api.routers.filters import stored_text, time_ms
from schemas.errors import InvalidInput
from schemas.values.fields import Integer


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()

    @app.get("/things/{name}")
    async def thing(name: str, limit: Annotated[Integer, Query(ge=1)] = 1, tag: str = "") -> list[str | int]:
        return [name, limit, tag]

    problems.install(app)
    app.add_middleware(TextGate)
    return app


async def get(app: FastAPI, url: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        return await client.get(url)


@pytest.mark.parametrize(
    "url", ["/things/gr%C3%B6%C3%9Fe?limit=12&tag=a%20b", "/things/gr%C3%B6%C3%9Fe?limit=12&tag=a+b"]
)
async def test_texts_in_utf_8_are_taken(app: FastAPI, url: str) -> None:
    assert (await get(app, url)).json() == ["größe", 12, "a b"]


@pytest.mark.parametrize(
    ("url", "path", "message"),
    [
        ("/things/a%00b", "path", "U+0000"),
        ("/things/a%ff", "path", "not UTF-8"),
        ("/things/a?tag=%00", "query.tag", "U+0000"),
        ("/things/a?limit=1&tag=%ff", "query.tag", "not UTF-8"),
        ("/things/a?tag=%ed%a0%80", "query.tag", "not UTF-8"),
        ("/things/a?tag%00=1", "query", "U+0000"),
    ],
)
async def test_what_is_no_text_is_refused(app: FastAPI, url: str, path: str, message: str) -> None:
    answer = await get(app, url)
    (problem,) = answer.json()["problems"]
    assert (answer.status_code, problem["path"], bool(problem["fix"])) == (422, path, True)
    assert message in problem["message"]


@pytest.mark.parametrize("limit", ["1_0", "%EF%BC%91", "+1", "%201", "1.0", "0x1", "1e1"])
async def test_a_number_in_a_query_is_ascii_digits(app: FastAPI, limit: str) -> None:
    answer = await get(app, f"/things/a?limit={limit}")
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "query.limit")


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22",
        "2026-11-22T17:00:00",
        "20261122T170000Z",
        "2026-11-22 17:00:00Z",
        "1732294800",
        "２４h",
        "2026-13-01T00:00:00Z",
    ],
)
def test_a_time_in_a_query_is_rfc_3339_with_a_zone(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        time_ms("query.since", text)
    assert caught.value.problems[0].fix


def test_a_time_in_a_query_is_read_with_its_zone() -> None:
    assert time_ms("query.since", "2026-11-22T17:00:00+01:00") == time_ms("query.since", "2026-11-22T16:00:00Z")


@pytest.mark.parametrize("text", ["a\0", "\ud800"])
def test_a_text_that_is_none_matches_nothing(text: str) -> None:
    with pytest.raises(InvalidInput):
        stored_text("query.workflow", text)
