"""``agentctl mcp``: messages a line, requests at once, cancellation, and an API that is away."""

import io
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentflow.cli.api import Answer
from agentflow.cli.errors import CliError
from agentflow.cli.mcp_stdio import StdioServer

from tests.support.ctl import Ctl
from tests.support.mcp_replies import WHO, WORKFLOWS


class Scripted:
    """An API; runs never end, and ``down`` answers nothing."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.looked = threading.Event()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        document: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        if self.down:
            raise CliError("nothing answers at http://x", "find out why: agentctl doctor")
        if path.endswith("/whoami"):
            return Answer(200, WHO)
        if path.endswith("/workflows"):
            return Answer(200, WORKFLOWS)
        self.looked.set()
        return Answer(200, {"id": "r1", "status": "running", "steps": []})


def line(method: str, params: Any = None, message_id: Any = 1) -> str:
    given = {"jsonrpc": "2.0", "method": method, "params": params or {}}
    return json.dumps(given | ({} if message_id is None else {"id": message_id})) + "\n"


def served(api: Scripted, *lines: str) -> list[dict[str, Any]]:
    out = io.StringIO()
    StdioServer(api, out).serve(io.StringIO("".join(lines)))
    return [json.loads(one) for one in out.getvalue().splitlines()]


def test_each_request_is_answered_and_notifications_are_not() -> None:
    found = served(
        Scripted(),
        line("initialize", {"protocolVersion": "2025-11-25"}),
        line("notifications/initialized", message_id=None),
        "\n",
        "{not json\n",
        line("tools/list", message_id="two"),
        '{"jsonrpc": "2.0", "id": 9, "result": {}}\n',
    )
    by_id = {one["id"]: one for one in found}
    assert set(by_id) == {1, "two", None}
    assert by_id[None]["error"]["code"] == -32700
    assert any(one["name"] == "submit_run" for one in by_id["two"]["result"]["tools"])


class _Lines(io.StringIO):
    """Sends its second line once the run of the first one was looked at."""

    def __init__(self, api: Scripted, lines: list[str]) -> None:
        super().__init__()
        self._api, self._lines = api, lines

    def __iter__(self) -> Any:
        yield self._lines[0]
        assert self._api.looked.wait(20)
        yield from self._lines[1:]


def test_a_request_that_is_cancelled_ends_and_is_not_answered() -> None:
    api, out = Scripted(), io.StringIO()
    wait = {"name": "wait_for_run", "arguments": {"run_id": "r1", "timeout_s": 300}}
    cancel = line("notifications/cancelled", {"requestId": 1}, None)
    StdioServer(api, out).serve(_Lines(api, [line("tools/call", wait), cancel, line("ping", message_id=2)]))
    assert [json.loads(one)["id"] for one in out.getvalue().splitlines()] == [2]


def test_the_end_of_the_input_ends_what_waits() -> None:
    api = Scripted()
    wait = {"name": "wait_for_run", "arguments": {"run_id": "r1", "timeout_s": 300}}
    assert served(api, line("tools/call", wait)) == []


def test_an_api_that_is_away_is_an_error_of_the_tool() -> None:
    call = {"name": "get_run", "arguments": {"run_id": "r1"}}
    (found,) = served(Scripted(down=True), line("tools/call", call))
    assert found["result"]["isError"] is True
    assert found["result"]["structuredContent"]["error"]["code"] == "unreachable"


def test_the_command_serves_until_its_input_ends(tmp_path: Path) -> None:
    done = Ctl(tmp_path)("mcp", stdin=line("ping"))
    assert done.code == 0, done.err
    assert json.loads(done.out) == {"jsonrpc": "2.0", "id": 1, "result": {}}
