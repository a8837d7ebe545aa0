"""A run is followed through lost connections, and awaited."""

import httpx
import pytest
from agentflow import Client, Retries
from agentflow.client.events import EventReader
from agentflow.errors import NoAnswer, NotFound, RunFailed, TimedOut

STEP = 'id: 3\nevent: step\ndata: {"id": "a", "status": "running"}\n\n'
DONE = 'id: 7\nevent: step\ndata: {"id": "a", "status": "succeeded"}\n\n'
END = 'event: end\ndata: {"status": "succeeded"}\n\n'


class Dropped(httpx.SyncByteStream):
    """Sends a part, then the connection ends."""

    def __init__(self, text):
        self.text = text

    def __iter__(self):
        yield self.text.encode()
        raise httpx.ReadError("dropped")


def watching(*streams, last_event_id=None):
    """Return the events of a watch, and the ``Last-Event-ID`` of each request."""
    asked, left = [], list(streams)

    def serve(request):
        asked.append(request.headers.get("last-event-id"))
        stream = left.pop(0)
        if isinstance(stream, Exception):
            raise stream
        return stream if isinstance(stream, httpx.Response) else httpx.Response(200, text=stream)

    retries = Retries(most=3, first_s=0.001, longest_s=0.001)
    with Client("http://api.test", "k", transport=httpx.MockTransport(serve), retries=retries) as client:
        return [(e.kind, e.status) for e in client.workflows.watch("r-1", last_event_id=last_event_id)], asked


def test_a_watch_resumes_after_a_drop_and_ends_with_the_run():
    dropped = httpx.Response(200, stream=Dropped(STEP + "event: step\ndata: {half"))
    events, asked = watching(dropped, httpx.ConnectError("refused"), httpx.Response(503), DONE, END)
    assert events == [("step", "running"), ("step", "succeeded"), ("end", "succeeded")]
    assert asked == [None, "3", "3", "3", "7"]


def test_a_step_that_the_server_repeats_after_a_resumption_is_shown_once():
    events, _ = watching(STEP, STEP + DONE + END)
    assert events == [("step", "running"), ("step", "succeeded"), ("end", "succeeded")]


def test_a_watch_can_begin_after_an_event():
    assert watching(END, last_event_id="41")[1] == ["41"]


def test_a_watch_of_an_unknown_run_fails_at_once():
    with pytest.raises(NotFound):
        watching(httpx.Response(404, json={}))


def test_a_watch_gives_up_when_connections_in_a_row_bring_nothing():
    with pytest.raises(NoAnswer):
        watching(*[httpx.ConnectError("refused")] * 4)


def test_an_id_without_data_moves_the_position_and_comments_are_left_out():
    reader = EventReader()
    lines = [
        ": comment",
        "",
        "id: 9",
        "",
        "event: other",
        "data: 1",
        "",
        "event: end",
        'data: {"status":',
        'data: "x"}',
    ]
    assert [reader.take(line) for line in lines] == [None] * len(lines)
    assert reader.last_id == "9"
    assert reader.take("").status == "x"


def run(status):
    links = dict.fromkeys(("self", "cancel", "steps", "events", "workflow"), "/")
    named = {"id": "r-1", "workflow_name": "w", "workflow_version": 1, "source": "api", "trace_id": "t"}
    error = {"code": "tool_failed", "message": "no"} if status == "failed" else None
    return named | {"status": status, "submitted_at": None, "links": links, "error": error, "new_field": 1}


def client_of(*statuses):
    left = list(statuses)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=run(left.pop(0) if len(left) > 1 else left[0])))
    return Client("http://api.test", "k", transport=transport)


def test_wait_returns_the_ended_run_with_fields_that_this_version_does_not_know():
    with client_of("queued", "running", "succeeded") as client:
        found = client.workflows.wait("r-1", check=True)
    assert found.status == "succeeded"
    assert found.new_field == 1


def test_wait_raises_for_a_failed_run_if_it_is_to_check():
    with client_of("failed") as client:
        assert client.workflows.wait("r-1").status == "failed"
        with pytest.raises(RunFailed, match="run r-1 of w is failed: tool_failed: no"):
            client.workflows.wait("r-1", check=True)


def test_wait_ends_at_its_time_limit():
    with client_of("running") as client, pytest.raises(TimedOut, match="it continues"):
        client.workflows.wait("r-1", time_limit=0.01)


def test_tokens_are_asked_for_and_none_is_left_out():
    token = 'event: token\ndata: {"step_id": "a", "attempt": 1, "index": %d, "text": "x"}\n\n'
    asked = []

    def serve(request):
        asked.append(str(request.url.query, "ascii"))
        return httpx.Response(200, text=token % 0 + token % 1 + token % 0 + END)

    with Client("http://api.test", "k", transport=httpx.MockTransport(serve)) as client:
        found = [(e.kind, e.text) for e in client.workflows.watch("r-1", tokens=True)]
    assert found == [("token", "x")] * 3 + [("end", "")]
    assert asked == ["tokens=true"]
