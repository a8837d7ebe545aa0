"""Dead letters: positions, what the headers say, where a letter goes back to, and how it looks in a terminal."""

import json

import pytest

from connectors.ports.engine import InRecord
from schemas.errors import InvalidInput, Rejected
from streams.runtime.dead_letters import dead_letter
from topics.__main__ import main
from topics.dead_letters.letter import (
    DeadLetter,
    Position,
    Source,
    check_value,
    is_record_of,
    original_topic,
    parse_position,
    partition_of,
    source_of,
)
from topics.dead_letters.text import body, line, page
from topics.partitioner import partition_for

NOBODY = "127.0.0.1:1"
DLQ = "run-events.dlq"


def letter(**changes: object) -> DeadLetter:
    """A letter as the engine writes it, read from its topic at offset 17 of partition 3."""
    given = {"topic": "run-events", "key": b"run-1", "value": b'{"a":1}', "headers": (("x", b"\xfe"),), "dlq": DLQ}
    given |= changes
    record = InRecord(given["topic"], 2, 9, 0, given["key"], given["value"], given["headers"])  # type: ignore[arg-type]
    out = dead_letter(record, "schema", str(given.get("message", "type: wrong")), 1_700_000_000_123)
    return DeadLetter(Position(str(given["dlq"]), 3, 17), 1_700_000_000_500, out.key, out.value, out.headers)


def by_hand(**headers: bytes) -> DeadLetter:
    named = tuple((f"af-{name}", value) for name, value in headers.items())
    return DeadLetter(Position(DLQ, 0, 0), 5, None, None, named)


def test_a_position_is_read_as_it_is_written() -> None:
    position = Position("workflow-submissions.dlq", 11, 123_456)
    assert parse_position(str(position)) == position


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run-events.dlq", "not a position"),
        ("run-events.dlq/3", "not a position"),
        ("run-events.dlq/3@-1", "not a position"),
        ("run-events.dlq/x@1", "not a position"),
        ("run-events/3@1", "are in run-events.dlq"),
        ("workflow-submissions.acme/3@1", "are in workflow-submissions.dlq"),
        ("orders.dlq/3@1", "choose one of"),
        ("runs.checkpoint.dlq/3@1", "choose one of"),
    ],
)
def test_what_is_no_position_says_how_to_write_one(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        parse_position(text)


def test_letters_of_a_family_share_a_topic() -> None:
    shared = "workflow-submissions.dlq"
    assert source_of("workflow-submissions.acme") == Source(shared, "workflow-submissions.acme")
    assert source_of("workflow-submissions") == source_of(shared) == Source(shared, None)
    assert source_of("run-events") == source_of(DLQ) == Source(DLQ, None)


@pytest.mark.parametrize("name", ["orders", "runs.checkpoint", "", "run-events.dlq.dlq"])
def test_a_topic_without_dead_letters_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="choose one of"):
        source_of(name)


def test_headers_say_what_the_engine_wrote() -> None:
    found = letter()
    assert (found.reason, found.message, found.attempts, found.retries) == ("schema", "type: wrong", 1, 0)
    assert found.origin == Position("run-events", 2, 9)
    assert found.at_ms == 1_700_000_000_123
    assert found.original_headers == (("x", b"\xfe"),)


def test_a_record_set_aside_again_keeps_the_count_of_retries_and_no_other_of_our_headers() -> None:
    again = letter(headers=(("af-topic", b"elsewhere"), ("x", b"1"), ("af-retries", b"4"), ("x", b"2")))
    assert again.retries == 4
    assert again.origin == Position("run-events", 2, 9)
    assert again.original_headers == (("x", b"1"), ("x", b"2"))
    assert [name for name, _ in again.headers].count("af-topic") == 1


@pytest.mark.parametrize("count", [b"", b"-1", b"many", b"\xff", b"9" * 40])
def test_a_count_that_is_no_number_counts_as_none(count: bytes) -> None:
    assert by_hand(retries=count).retries == 0


def test_only_what_makes_the_record_is_in_its_digest() -> None:
    same = letter(headers=(("x", b"\xfe"), ("af-retries", b"1")), message="another")
    assert same.digest() == letter().digest()
    others = [letter(key=None), letter(value=None), letter(headers=()), letter(topic="cost-events")]
    assert len({one.digest() for one in (*others, letter())}) == 5


def test_a_letter_goes_back_to_its_topic_by_its_key_or_to_its_partition() -> None:
    assert original_topic(letter()) == "run-events"
    submission = letter(topic="workflow-submissions.acme", dlq="workflow-submissions.dlq")
    assert original_topic(submission) == "workflow-submissions.acme"
    assert partition_of(letter(), 12) == partition_for(b"run-1", 12)
    assert partition_of(letter(key=None), 12) == 2
    with pytest.raises(Rejected, match="does not have the original partition"):
        partition_of(letter(key=None), 2)


@pytest.mark.parametrize(
    "topic", [b"orders", b"cost-events", b"runs.checkpoint", b"workflow-submissions.acme", b"\xff"]
)
def test_a_letter_that_names_another_topic_is_refused(topic: bytes) -> None:
    with pytest.raises(Rejected, match="not in the catalogue of topics or has"):
        original_topic(by_hand(topic=topic, partition=b"0", offset=b"1"))


def test_a_record_that_is_no_letter_is_refused() -> None:
    with pytest.raises(Rejected, match="not a dead letter of AgentFlow"):
        original_topic(by_hand(topic=b"run-events"))


def test_a_line_has_everything_once_and_the_start_of_the_message() -> None:
    text = line(letter(message="m" * 100))
    start = "run-events.dlq/3@17  2023-11-14T22:13:20.123Z  schema  run-events/2@9  key=run-1  attempts=1  "
    assert text == start + "m" * 80
    assert "attempts=1 retries=2" in line(letter(headers=(("af-retries", b"2"),)))
    assert line(by_hand()) == "run-events.dlq/0@0  1970-01-01T00:00:00.005Z  -  -  key=null  attempts=0  "


def test_nothing_in_a_letter_steers_the_terminal() -> None:
    evil = "\x1b[2J\r\n\x9b\u202e"
    found = letter(key=evil.encode(), headers=((evil, evil.encode()),), value=evil.encode(), message=evil)
    shown = line(found) + page(found).replace("\n", "")
    assert shown.isprintable()
    assert "\\x1b[2J\\r" in shown


def test_a_page_has_every_header_and_the_value() -> None:
    rows = page(letter(value=b"\x00\xff")).splitlines()
    assert rows[0].split() == ["position", "run-events.dlq/3@17"]
    assert ["x", "0xfe"] in [row.split() for row in rows]
    assert ["af-topic", "run-events"] in [row.split() for row in rows]
    assert rows[-2:] == ["", "00000000  00 ff"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "(no value: a tombstone)"),
        (b"", ""),
        (b'{"b":1,"a":["\xd0\xb6"]}', '{\n  "b": 1,\n  "a": [\n    "ж"\n  ]\n}'),
        (b"123456789012345678901234567890", "123456789012345678901234567890"),
        (b'{"a": NaN}', '{"a": NaN}'),
        (b"two\nlines\t", "two\nlines\\t"),
        (b"[" * 100_000, "[" * 100_000),
        (bytes(range(128, 162)), f"00000000  {bytes(range(128, 160)).hex(' ')}\n00000020  a0 a1"),
    ],
    ids=lambda one: repr(one)[:20],
)
def test_a_value_is_json_or_text_or_hex(value: bytes | None, shown: str) -> None:
    assert body(value) == shown


def test_shown_json_keeps_long_numbers_and_escapes_what_cannot_be_printed() -> None:
    shown = body(json.dumps({"ключ": "\u2028", "n": 2**70}, ensure_ascii=False).encode())
    assert json.loads(shown) == {"ключ": "\u2028", "n": 2**70}
    assert "\\u2028" in shown


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["list", "--topic", "orders"], "not in the catalogue"),
        (["list", "--since", "yesterday"], "for example 90m"),
        (["list", "--limit", "0"], "give 1 or more"),
        (["show", "run-events/3@1"], "are in run-events.dlq"),
        (["retry"], "select letters"),
        (["retry", "--topic", "run-events"], "select letters"),
        (["retry", "run-events.dlq/3@1", "--reason", "json", "--topic", "run-events"], "not both"),
        (["retry", "--reason", "json", "--topic", "orders"], "not in the catalogue"),
        (["retry", "run-events.dlq/3"], "not a position"),
    ],
)
def test_a_mistake_is_told_in_one_line_before_a_broker_is_asked(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dlq", *argv, "--bootstrap", NOBODY]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"topics dlq {argv[0]}: ")
    assert said in output.err
    assert output.err.count("\n") == 1


@pytest.mark.parametrize("argv", [["list"], ["show", "run-events.dlq/3@1"], ["retry", "run-events.dlq/3@1"]])
def test_no_broker_is_told_in_one_line(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dlq", *argv, "--bootstrap", NOBODY]) == 3
    assert f"no broker answers at {NOBODY}" in capsys.readouterr().err


SUBMISSIONS_DLQ = "workflow-submissions.dlq"


@pytest.mark.parametrize(
    "value",
    [b'{"a":1,"a":2}', b'{"x":18446744073709551616}', b'{"x":"\\u0000"}', b"NaN", b"{", b"[" * 101 + b"]" * 101],
)
def test_an_event_that_would_be_refused_again_is_not_retried(value: bytes) -> None:
    topic = "workflow-submissions.acme"
    with pytest.raises(Rejected, match=r"refused again.*send a corrected event"):
        check_value(letter(topic=topic, dlq=SUBMISSIONS_DLQ, value=value), topic)


@pytest.mark.parametrize(
    ("topic", "value"),
    [("workflow-submissions.acme", b'{"a":1}'), ("workflow-submissions.acme", None), ("run-events", b"\xff")],
)
def test_other_letters_are_judged_by_their_reader(topic: str, value: bytes | None) -> None:
    check_value(letter(topic=topic, value=value), topic)


@pytest.mark.parametrize(
    ("topic", "value", "org_id", "expected"),
    [
        ("workflow-submissions.acme", b"\xff no event", "acme", False),
        ("workflow-submissions.acme", b'{"org_id":"acme"}', "acme", False),
        ("workflow-submissions.rival", b'{"org_id":"acme"}', "acme", False),
        ("run-events", b'{"org_id":"acme"}', "acme", True),
        ("run-events", b'{"org_id":"acme"}', "acm", False),
        ("run-events", b"[1]", "acme", False),
        ("run-events", None, "acme", False),
    ],
)
def test_letters_that_name_an_organisation_are_those_of_records_and_not_its_events(
    topic: str, value: bytes | None, org_id: str, expected: bool
) -> None:
    assert is_record_of(letter(topic=topic, value=value), org_id) is expected
