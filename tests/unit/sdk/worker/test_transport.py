"""Requests of a worker: repeated while the server does not answer, and errors by status."""

import json

import httpx
import pytest
from agentflow.worker.errors import InvalidRequest, LeaseLost, NotAllowed, QueueUnknown, Unreachable
from agentflow.worker.over_http import HttpQueue
from agentflow.worker.steps import Outcome, Step
from agentflow.worker.transport import Transport


def transport(*answers: httpx.Response | Exception, patience_s: float = 5.0) -> tuple[Transport, list[httpx.Request]]:
    """A transport whose server answers these, in order."""
    left, seen = list(answers), []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    return Transport(httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://x"), patience_s), seen


async def test_a_dropped_connection_and_a_busy_server_are_asked_again() -> None:
    busy = httpx.Response(503, json={"detail": "redis: down"}, headers={"Retry-After": "0"})
    sent, seen = transport(httpx.ReadError("dropped"), busy, httpx.Response(200, json={"repeated": True}))
    assert await sent.post("/complete", {"lease": "l"}) == {"repeated": True}
    assert [json.loads(request.content) for request in seen] == [{"lease": "l"}] * 3


async def test_retry_after_is_honoured_up_to_the_patience() -> None:
    later = httpx.Response(429, json={"detail": "busy"}, headers={"Retry-After": "60"})
    sent, seen = transport(later, patience_s=5.0)
    with pytest.raises(Unreachable, match="busy"):
        await sent.post("/lease", {})
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, NotAllowed), (403, NotAllowed), (404, QueueUnknown), (409, LeaseLost), (413, InvalidRequest)],
)
async def test_an_error_of_the_request_is_raised_at_once(status: int, error: type[Exception]) -> None:
    problem = {
        "type": "urn:x",
        "detail": "no",
        "problems": [{"path": "output", "message": "is bad", "fix": "trim"}],
    }
    sent, seen = transport(httpx.Response(status, json=problem))
    with pytest.raises(error, match=r"no \| output: is bad") as caught:
        await sent.post("/complete", {})
    assert (caught.value.status, caught.value.problem, len(seen)) == (status, "urn:x", 1)


async def test_an_output_that_no_record_can_carry_fails_its_step() -> None:
    queue = HttpQueue("http://x", "key", "q", "w")
    queue._transport, seen = transport(
        httpx.Response(422, json={"detail": "too large"}), httpx.Response(200, json={"repeated": False})
    )
    step = Step("r", "o", "s", 1, "tool", "t", {}, {}, "r:s", None, handle="lease")
    await queue.complete(step, Outcome("x"))
    bodies = [json.loads(request.content) for request in seen]
    assert bodies[0] == {"lease": "lease", "output": "x"}
    assert bodies[1]["error"]["code"] == "bad_output"
    queue._transport, seen = transport(httpx.Response(200, json={"repeated": False}))
    await queue.complete(step, Outcome(object()))
    assert json.loads(seen[0].content)["error"]["code"] == "bad_output"
