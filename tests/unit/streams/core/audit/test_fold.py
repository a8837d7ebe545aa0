"""The fold of audit events: once, in order, and the same whatever the batches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.audit.entries import head_of, leaf_of
from schemas.audit.log import LogEntry, LogHead
from schemas.audit.tree import root_of
from schemas.audit.verifying import EXPIRED
from schemas.errors import BadRecord
from streams.core.audit.fold import KEEP_ENTRIES, KEEP_MS, append_all, arrived, checkpoint, signed
from tests.support.audit import AT_MS, audit_event


def appended(batches: list[list[int]]) -> tuple[LogHead, list[LogEntry]]:
    head, entries = LogHead(), list[LogEntry]()
    for batch in batches:
        known = {entry.event.event_id for entry in entries}
        done = append_all(head, [arrived(audit_event(number), AT_MS + number) for number in batch], known)
        head, entries = done.head, entries + done.entries
    return head, entries


@given(st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=8))
def test_batches_do_not_matter(batches: list[list[int]]) -> None:
    numbers = [number for batch in batches for number in batch]
    head, entries = appended(batches)
    assert (head, entries) == appended([numbers])
    assert [entry.event.event_id for entry in entries] == [f"e{number}" for number in dict.fromkeys(numbers)]
    leaves = [leaf_of(head_of(index, "admin", entry.event.at_ms, entry.data)) for index, entry in enumerate(entries)]
    vouched = checkpoint(head, "o")
    assert (vouched.size, vouched.root) == (len(leaves), root_of(leaves))
    assert vouched.at_ms == max((AT_MS + number for number in numbers), default=0)


def test_repeats_are_counted() -> None:
    events = [arrived(audit_event(number), AT_MS) for number in (1, 1, 2, 3)]
    assert append_all(LogHead(), events, {"e3"}).repeated == 2


def test_a_checkpoint_stays_every_ten_seconds_or_so_many_entries() -> None:
    head, replaces = signed(LogHead(size=1, at_ms=AT_MS))
    assert (head.signed, head.kept, replaces) == (1, 1, 0)
    head, replaces = signed(LogHead(size=2, at_ms=AT_MS + 1, signed=1, kept=1, kept_ms=AT_MS))
    assert (head.signed, head.kept, replaces) == (2, 1, 0), "the one before stays, so nothing is replaced"
    head, replaces = signed(LogHead(size=3, at_ms=AT_MS + KEEP_MS, signed=2, kept=1, kept_ms=AT_MS))
    assert (head.signed, head.kept, head.kept_ms, replaces) == (3, 3, AT_MS + KEEP_MS, 2)
    head, replaces = signed(LogHead(size=1 + KEEP_ENTRIES, at_ms=AT_MS, signed=2, kept=1, kept_ms=AT_MS))
    assert (head.kept, replaces) == (1 + KEEP_ENTRIES, 2)


def expiries(**fields: object) -> list[tuple[int, str, int]]:
    event = audit_event(5, **{"action": EXPIRED, "details": {"kind": "denial", "before_ms": str(AT_MS)}} | fields)
    return [(one.index, one.kind, one.before_ms) for one in append_all(LogHead(), [arrived(event, AT_MS)], ()).expiries]


def test_an_act_of_an_administrator_says_what_is_over() -> None:
    assert expiries() == [(0, "denial", AT_MS)]
    assert expiries(details={"kind": "denial", "before_ms": str(AT_MS * 2)}) == [(0, "denial", AT_MS + 5)]
    assert expiries(kind="decisions") == []
    assert expiries(details={"kind": "denial", "before_ms": "soon"}) == []
    assert expiries(details={"before_ms": "1"}) == []


@pytest.mark.parametrize("fields", [{"org_id": "a/b"}, {"org_id": ""}, {"event_id": ""}])
def test_what_no_log_can_have_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(BadRecord):
        arrived(audit_event(1, **fields), AT_MS)
