"""The lines of MCP and of secrets find what they are for."""

import random

from bench.prove.doors.mcp import _is_left, _tool, changes, echoes, measure
from connectors.mcp.session import remote_tool


def test_no_change_is_missed_and_no_secret_is_left() -> None:
    assert [line.value for line in measure(True, lambda _: None)] == [0, 0, 0]


def test_each_change_is_one() -> None:
    tool = _tool(random.Random(1), 1)
    hashes = {remote_tool(one).hash for one in changes(tool)}
    assert len(hashes) == 6
    assert remote_tool(tool).hash not in hashes


def test_a_secret_that_is_left_is_seen() -> None:
    rng = random.Random(2)
    for secret, text in echoes(rng):
        assert not _is_left(secret, text)
    assert _is_left("the-secret-itself", "dGhlLXNlY3JldC1pdHNlbGY and THE the-secret-itsel")
