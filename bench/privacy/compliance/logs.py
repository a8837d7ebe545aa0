"""Audit logs in memory and reports of them, as the service makes them."""

import base64
from collections.abc import Iterable, Sequence
from typing import Any

from schemas.audit.entries import entry_bytes, head_of, leaf_of
from schemas.audit.notes import Checkpoint, SigningKey
from schemas.audit.proofs import consistency_proof, inclusion_proof, perfect_parts
from schemas.audit.tree import root_of
from schemas.compliance.evidence import Evidence, Proof, packed, proven
from schemas.compliance.report import ACTION, Report, report_of, request_details
from schemas.compliance.statements import ACTIVATIONS, Period
from schemas.records.definitions import AuditEvent
from schemas.records.security.pinned import Decision, Verdict

AT_MS = 1_800_000_000_000
KEY = SigningKey("example.test/audit", bytes(range(32)))


class MemoryLog:
    """A log whose checkpoints are signed when they are wanted."""

    def __init__(self, events: Iterable[AuditEvent], key: SigningKey = KEY) -> None:
        self._key = key
        self.lines: list[bytes] = []
        self.leaves: list[bytes] = []
        self.events: list[AuditEvent] = []
        for event in events:
            self.add(event)

    def add(self, event: AuditEvent) -> int:
        """Append an event; return its index."""
        data, index = entry_bytes(event), len(self.lines)
        self.lines.append(data)
        self.leaves.append(leaf_of(head_of(index, event.kind, event.at_ms, data)))
        self.events.append(event)
        return index

    def note(self, size: int, at_ms: int) -> str:
        """Return the signed checkpoint over the first entries."""
        checkpoint = Checkpoint(f"{self._key.public.name}/acme", size, root_of(self.leaves[:size]), at_ms)
        return self._key.signed(checkpoint.text)

    def report(self, period: Period, first: int = 0, end: int | None = None) -> Report:
        """Return the report of a period whose entries are those from ``first`` to ``end``."""
        end = len(self.lines) if end is None else end
        before = [i for i in range(first) if self.events[i].action in ACTIVATIONS][-1:]
        request = self.add(event(len(self.lines), action=ACTION, details=request_details(period, before)))
        size, late = len(self.lines), period.to_ms + 120_000
        evidence = Evidence(
            before=self.note(first, period.from_ms) if first else "",
            frontier=[_b64(root_of(self.leaves[a:b])) for a, b in perfect_parts(0, first)],
            after=self.note(end, period.to_ms),
            lines=packed(self.lines[first:end]),
            newest=self.note(size, late),
            consistency=_all(consistency_proof(self.leaves, end)),
            request=Proof(request, self.lines[request].decode(), _all(inclusion_proof(self.leaves, request))),
            earlier=[Proof(i, self.lines[i].decode(), _all(inclusion_proof(self.leaves[:end], i))) for i in before],
        )
        return report_of(period, evidence, proven(evidence, [self._key.public]))


def event(number: int, **fields: Any) -> AuditEvent:
    """Return an event of the log."""
    common: dict[str, Any] = {
        "event_id": f"e{number}",
        "org_id": "acme",
        "actor": f"key:{number % 3}",
        "action": "create_key",
        "subject": "keys",
        "decision": "allowed",
        "at_ms": AT_MS + number,
    }
    return AuditEvent(**common | fields)


def decided(number: int, rule: str, verdict: str = "deny", **fields: Any) -> AuditEvent:
    """Return the record of an attempt with one decision."""
    of_decision = {name: fields.pop(name) for name in ("subject", "reason", "enforced", "point") if name in fields}
    one: dict[str, Any] = {"point": "model_call", "rule": rule, "verdict": verdict, "subject": "openai/m"}
    return event(
        number,
        **{
            "action": "attempt",
            "actor": "role:worker",
            "kind": "decisions",
            "policy": "ours@1",
            "decisions": [Decision(**one | of_decision)],
        }
        | fields,
    )


def activated(number: int, name: str = "ours@1", **fields: Any) -> AuditEvent:
    """Return an activation of a policy."""
    details = {"number": str(number), "mode": "enforce", "hash": "ab" * 32, "before": ""}
    return event(number, **{"action": "policy.activate", "subject": name, "details": details} | fields)


def month() -> MemoryLog:
    """Return a log with an entry of every sort that a report states something of."""
    return MemoryLog(
        [
            activated(0),
            event(1),
            decided(2, "compliance/residency.pii"),
            decided(3, "compliance/residency.pii", "route", reason="in eu only; sent to a/b instead"),
            decided(4, "default/recipient", "ask", point="tool_call"),
            decided(5, "default/recipient", "allow", point="tool_call", reason="no; approved by person:ann"),
            decided(6, "mine", "deny", enforced=False),
            decided(7, "mine", "redact", point="output", subject="$"),
            decided(8, "mine", "deny", reason="error: no such key"),
            event(9, action="approve", details={"tool": "send_mail"}),
            event(10, action="refuse", details={"tool": "send_mail"}, decision="denied"),
            event(11, action="requests.denied", kind="denial", decision="denied", count=7, actor="unknown"),
            event(12, action="subject_erased", subject="sub_1"),
            event(13, action="rotate_key", subject="keys/k1/rotate"),
            event(14, action="rotate_key", subject="keys/k2/rotate", event_id="act/x"),
            event(15, action="rotate_key", subject="keys/k2/rotate", event_id="act/x/failed", decision="denied"),
            event(16, action="put_provider_facts", subject="providers/facts"),
            event(17, action="policy.read", kind="denial", decision="denied", policy="ours@1", decisions=[_read()]),
            event(
                18,
                action="policy.read",
                kind="decisions",
                policy="ours@1",
                decisions=[_read("privacy:support", "allow")],
            ),
            activated(19, "ours@2", actor="key:9"),
            event(20, kind="key_use", action="keys.use", count=40),
        ]
    )


MONTH = Period(AT_MS, AT_MS + 21)


def _read(rule: str = "gdpr/readers", verdict: Verdict = "deny") -> Decision:
    return Decision(point="read", rule=rule, verdict=verdict, subject="$")


def _all(hashes: Sequence[bytes]) -> list[str]:
    return [_b64(one) for one in hashes]


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
