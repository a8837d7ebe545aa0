"""What the client sends, and what it sends again."""

import json

import httpx
import pytest
from agentflow import AsyncClient, Client, Retries
from agentflow.errors import (
    Invalid,
    NoAnswer,
    NotFound,
    OrganisationMoved,
    OutcomeUnknown,
    RateLimited,
    TimedOut,
    Unavailable,
)

ACCEPTED = {
    "id": "r-1",
    "workflow_name": "w",
    "workflow_version": 1,
    "submitted_at": None,
    "links": dict.fromkeys(("self", "cancel", "steps", "events", "workflow"), "/"),
}


class Api:
    """Answers with what was planned, in turn; an exception is raised."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body, *headers = answer
        return httpx.Response(status, json=body, headers=headers[0] if headers else {})

    def client(self, **options):
        options = {"retries": Retries(most=3, first_s=0.001, longest_s=0.002), **options}
        return Client("http://api.test", "key-1", "org-1", transport=httpx.MockTransport(self), **options)


def problem(kind, status, **more):
    return {"type": f"urn:agentflow:problem:{kind}", "title": "t", "status": status, "detail": "why", **more}


def test_a_submission_is_repeated_with_the_same_key_and_body_after_a_dropped_connection_and_503():
    api = Api(httpx.ReadError("dropped"), (503, problem("unavailable", 503)), (202, ACCEPTED))
    with api.client() as client:
        run = client.workflows.submit("w", {"n": 1})
    assert run.id == "r-1"
    assert run.response.attempts == 3
    assert len({request.headers["idempotency-key"] for request in api.requests}) == 1
    assert len({request.headers["x-request-id"] for request in api.requests}) == 1
    assert [json.loads(request.content) for request in api.requests] == [{"workflow_name": "w", "inputs": {"n": 1}}] * 3


def test_every_post_has_a_key_of_its_own_and_authorization_and_organisation():
    api = Api((202, ACCEPTED), (202, ACCEPTED))
    with api.client() as client:
        client.workflows.submit("w")
        client.workflows.submit("w")
    first, second = (request.headers for request in api.requests)
    assert first["idempotency-key"] != second["idempotency-key"]
    assert (first["authorization"], first["x-org-id"]) == ("Bearer key-1", "org-1")


@pytest.mark.parametrize("fault", [httpx.ReadError("dropped"), (503, problem("unavailable", 503))])
def test_a_post_whose_key_is_not_honoured_is_not_repeated_after_a_fault(fault):
    api = Api(fault, (201, {}))
    with api.client() as client:
        if isinstance(fault, Exception):
            with pytest.raises(NoAnswer):
                client.request("POST", "/api/v1/budgets", json={})
        else:
            assert client.request("POST", "/api/v1/budgets", json={}).status == 503
    assert len(api.requests) == 1


@pytest.mark.parametrize("refusal", [httpx.ConnectError("refused"), (429, problem("overloaded", 429))])
def test_a_request_that_was_surely_not_worked_on_is_repeated_whatever_it_is(refusal):
    api = Api(refusal, (201, {}))
    with api.client() as client:
        assert client.request("POST", "/api/v1/budgets", json={}).status == 201


def test_a_post_with_a_key_that_the_caller_gave_is_repeated():
    api = Api((503, {}), (201, {}))
    with api.client() as client:
        assert client.request("POST", "/api/v1/budgets", json={}, idempotency_key="k").status == 201
    assert {request.headers["idempotency-key"] for request in api.requests} == {"k"}


def test_retry_after_is_a_lower_bound_of_the_pause_and_ends_at_the_time_limit():
    api = Api((503, problem("unavailable", 503, dependency="kafka"), {"Retry-After": "30"}))
    with api.client(timeout=5) as client, pytest.raises(Unavailable) as failed:
        client.workflows.get("r-1")
    assert failed.value.retry_after_s == 30
    assert failed.value.dependency == "kafka"
    assert len(api.requests) == 1


def test_the_pause_grows_with_full_jitter_and_is_bounded():
    retries = Retries(most=9, first_s=1, longest_s=8)
    assert [retries.pause_s(n, None, max) for n in range(1, 6)] == [1, 2, 4, 8, 8]
    assert retries.pause_s(3, None, min) == 0
    assert retries.pause_s(1, 2.5, max) == 3.5


def test_the_last_error_is_raised_when_all_attempts_failed():
    api = Api(*[(429, problem("overloaded", 429))] * 4)
    with api.client() as client, pytest.raises(RateLimited, match="429 overloaded: why"):
        client.workflows.get("r-1")
    assert len(api.requests) == 4


def test_an_error_has_its_problems_and_the_request_id():
    part = {"path": "inputs.x", "message": "is missing", "fix": "add it"}
    api = Api((422, problem("invalid-input", 422, problems=[part]), {"X-Request-ID": "req-9"}))
    with api.client() as client, pytest.raises(Invalid) as failed:
        client.workflows.submit("w")
    assert str(failed.value.problems[0]) == "inputs.x: is missing; add it"
    assert (failed.value.type, failed.value.request_id) == ("invalid-input", "req-9")


def test_an_unknown_outcome_names_the_run():
    body = problem("outcome-unknown", 503, run_id="r-7")
    api = Api(*[(503, body)] * 4)
    with api.client() as client, pytest.raises(OutcomeUnknown) as failed:
        client.workflows.submit("w")
    assert failed.value.run_id == "r-7"


def test_an_error_page_of_a_proxy_is_an_error_too():
    page = httpx.Response(404, text="<html>no</html>")
    client = Client("http://api.test", "k", transport=httpx.MockTransport(lambda _: page))
    with client, pytest.raises(NotFound, match="<html>no</html>"):
        client.workflows.get("r-1")


def test_the_time_limit_is_that_of_all_attempts(monkeypatch):
    monkeypatch.setattr("agentflow.client.sync.transport.uniform", max)
    api = Api(httpx.ReadError("dropped"))
    over = pytest.raises(TimedOut, match="that was attempt 1, and the time limit is over")
    with api.client(retries=Retries(most=8, first_s=60, longest_s=60), timeout=30) as client, over:
        client.workflows.get("r-1")
    assert len(api.requests) == 1


def test_a_submission_without_an_answer_names_its_key_so_that_it_can_be_sent_again():
    api = Api(*[httpx.ReadError("dropped")] * 4, (202, ACCEPTED))
    with api.client() as client:
        with pytest.raises(NoAnswer) as failed:
            client.workflows.submit("w")
        client.workflows.submit("w", idempotency_key=failed.value.idempotency_key)
    assert len({request.headers["idempotency-key"] for request in api.requests}) == 1
    assert failed.value.attempts == 4


async def test_the_asynchronous_client_does_the_same():
    api = Api(httpx.ReadError("dropped"), (202, ACCEPTED))
    retries = Retries(most=3, first_s=0.001)
    async with AsyncClient("http://api.test", "k", transport=httpx.MockTransport(api), retries=retries) as client:
        run = await client.workflows.submit("w", {"n": 1})
    assert (run.id, run.response.attempts) == ("r-1", 2)


def test_all_pages_are_read_as_they_are_needed():
    row = {"id": "", "workflow_name": "w", "workflow_version": 1, "status": "queued", "submitted_at": None}
    row["links"] = ACCEPTED["links"]
    pages = [{"runs": [row | {"id": str(n)}], "next_cursor": "c" if n < 2 else None} for n in range(3)]
    api = Api(*[(200, page) for page in pages])
    with api.client() as client:
        runs = client.workflows.list_all(status="queued", tags=["a=b", "c=d"], page_size=1)
        assert next(runs).id == "0"
        assert len(api.requests) == 1
        assert [run.id for run in runs] == ["1", "2"]
    assert str(api.requests[1].url.params) == "status=queued&tag=a%3Db&tag=c%3Dd&limit=1&cursor=c"


def moved_to(address):
    return 307, problem("organisation-left", 307), {"Location": f"{address}/api/v1/workflows/runs"}


def test_an_organisation_is_followed_to_a_cell_that_was_given_and_stays_there(monkeypatch):
    monkeypatch.setenv("AGENTFLOW_CELLS", "https://east.test, https://west.test/")
    api = Api(moved_to("https://west.test"), (202, ACCEPTED), (202, ACCEPTED))
    with api.client() as client:
        client.workflows.submit("w", {"n": 1})
        client.workflows.submit("w")
    assert [str(one.url.copy_with(path="/")) for one in api.requests] == [
        "http://api.test/",
        *["https://west.test/"] * 2,
    ]
    first, second, _ = api.requests
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert (second.headers["authorization"], second.content) == ("Bearer key-1", first.content)


@pytest.mark.parametrize("address", ["https://evil.test", "http://west.test", "https://west.test:444", "//west.test"])
def test_a_key_goes_to_no_address_that_was_not_given(monkeypatch, address):
    monkeypatch.setenv("AGENTFLOW_CELLS", "https://west.test")
    api = Api(moved_to(address))
    with api.client() as client, pytest.raises(OrganisationMoved) as failed:
        client.workflows.submit("w")
    assert failed.value.address.startswith(address)
    assert len(api.requests) == 1


def test_cells_that_send_to_each_other_are_not_followed_for_ever(monkeypatch):
    monkeypatch.setenv("AGENTFLOW_CELLS", "https://east.test,https://west.test")
    api = Api(*[moved_to("https://west.test"), moved_to("https://east.test")] * 4)
    with api.client() as client, pytest.raises(OrganisationMoved):
        client.workflows.submit("w")
    assert len(api.requests) == 4
