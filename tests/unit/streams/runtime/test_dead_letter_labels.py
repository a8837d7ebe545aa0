"""A request that was dead-lettered and is retried says the same: its labels, what decides on it, and its headers."""

from connectors.ports.engine import InRecord
from schemas.records.security.pinned import Approval
from streams.roles.worker.request_record import read_request
from streams.runtime.dead_letters import dead_letter
from streams.runtime.label_headers import LABELS
from streams.runtime.routing import to_out
from tests.support.policies import WEB, security
from tests.unit.services.runs.attempts.test_tool_guard import asked
from topics.dead_letters.letter import DeadLetter, Position


def test_a_retried_request_has_its_security() -> None:
    yes = Approval(rule="strangers", args_hash="ab" * 32, approved_by="key:ann")
    request = asked(security=security(to=WEB, context=WEB, control=["user"], agent=True, approvals=[yes]))
    out = to_out(request)
    record = InRecord(out.topic, 0, 7, 1, out.key, out.value, out.headers)
    letter = dead_letter(record, "poison", "it kills its worker", 9)
    stored = DeadLetter(Position(letter.topic, 0, 0), 9, letter.key, letter.value, letter.headers)
    again = record._replace(key=stored.key, value=stored.value, headers=stored.original_headers)
    assert read_request(again) == request
    assert dict(again.headers).get(LABELS) == dict(out.headers)[LABELS] != b""
