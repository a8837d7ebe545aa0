"""Messages: what is one, and which revision is spoken."""

import pytest

from schemas.mcp import protocol
from schemas.mcp.protocol import RpcError, check_version, negotiated, read_message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", protocol.PARSE_ERROR),
        ('{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "ping"}', protocol.PARSE_ERROR),
        ("[" * 1_000, protocol.PARSE_ERROR),
        ('[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', protocol.INVALID_REQUEST),
        ('"ping"', protocol.INVALID_REQUEST),
        ('{"id": 1, "method": "ping"}', protocol.INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": 1}', protocol.INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', protocol.INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": true, "method": "ping"}', protocol.INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', protocol.INVALID_REQUEST),
        ("\ud800", protocol.PARSE_ERROR),
    ],
)
def test_what_is_no_message_is_an_error_with_its_code(text: str, code: int) -> None:
    with pytest.raises(RpcError) as caught:
        read_message(text)
    assert caught.value.code == code


def test_an_answer_of_the_client_is_taken_and_ignored() -> None:
    assert read_message('{"jsonrpc": "2.0", "id": 1, "result": {}}') is None


@pytest.mark.parametrize("version", protocol.HANDSHAKE)
def test_a_known_revision_is_spoken_as_asked(version: str) -> None:
    assert negotiated(version) == version


@pytest.mark.parametrize("asked", ["1999-01-01", "2026-07-28", None, 5, ["2025-06-18"]])
def test_any_other_is_answered_with_the_newest_of_the_handshake(asked: object) -> None:
    assert negotiated(asked) == "2025-11-25"


def test_an_unknown_revision_in_a_message_is_refused_with_those_that_are_known() -> None:
    check_version(None)
    check_version("2026-07-28")
    with pytest.raises(RpcError) as caught:
        check_version("2031-01-01")
    assert caught.value.data == {"supported": list(protocol.VERSIONS), "requested": "2031-01-01"}
