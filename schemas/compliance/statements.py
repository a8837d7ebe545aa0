"""What a report states of a period: pure, from the entries of the log alone, so that anybody can compute it again.

A statement has an id, a title, a text, numbers, and rows with the entries that show them. An entry is of the period by
the time that it says of itself; its place in the log may be a little later.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from schemas.compliance.counting import OUTCOMES, Entry, Table, decisions_of, outcomes, totals
from schemas.compliance.section import PREFIX, class_of

Statement = dict[str, Any]
#: What changes the active policy.
ACTIVATIONS: Final = ("policy.activate", "policy.deactivate")
_FAILED: Final = "/failed"
#: What acts are called by the part of the API that they are of.
KEYS: Final = (
    *("create_key", "change_key", "rotate_key", "revoke_key"),
    *("put_credentials", "delete_credentials", "rotate_vault_key"),
)
#: Requests to erase a data subject, and the keys that were destroyed; a second request for one destroys nothing.
ERASE: Final = "erase_subject"
ERASED: Final = "subject_erased"
#: What the rules of the section privacy are called, of which those at ``read`` put values back in place of tokens.
PRIVACY: Final = "privacy:"
FACTS: Final = "put_provider_facts"


class Head(Struct, frozen=True):
    """An entry of which retention left the head only."""

    index: int
    kind: str
    at_ms: int


class Period(Struct, frozen=True):
    """A time in ms since 1970, ``to_ms`` not included."""

    from_ms: int
    to_ms: int

    def has(self, at_ms: int) -> bool:
        """Return whether a time is in it."""
        return self.from_ms <= at_ms < self.to_ms


class Found(Struct, frozen=True):
    """The evidence. ``entries`` and ``removed`` are all of the log behind the checkpoint before the period, in order.

    ``earlier`` are activations from before it, the newest first.
    """

    entries: Sequence[Entry]
    removed: Sequence[Head] = ()
    earlier: Sequence[Entry] = ()


def statements(period: Period, found: Found) -> list[Statement]:
    """Return all statements, in their order."""
    entries = [one for one in found.entries if period.has(one.event.at_ms)]
    return [
        _log(period, found, entries),
        _policies(found, entries),
        _rules(entries),
        _demands(entries),
        _exceptions(entries),
        _approvals(entries),
        _refusals(entries),
        _erasures(entries),
        _redactions(entries),
        _readers(entries),
        _acts("keys", "Keys: created, changed, rotated, revoked", KEYS, entries, "changes of keys"),
        _acts("facts", "Facts of providers that were stated", (FACTS,), entries, "changes of facts"),
        _administration(entries),
    ]


def _statement(id_: str, title: str, says: str, numbers: dict[str, int], rows: list[dict[str, Any]]) -> Statement:
    return {"id": id_, "title": title, "says": says, "numbers": numbers, "rows": rows}


def _log(period: Period, found: Found, entries: Sequence[Entry]) -> Statement:
    table = Table(("kind",), ("entries_of_kind", "removed"))
    for one in entries:
        table.add((one.event.kind,), one.index, "entries_of_kind")
    gone = [one for one in found.removed if period.has(one.at_ms)]
    for head in gone:
        table.add((head.kind,), head.index, "removed")
    numbers = {"entries": len(entries), "removed": len(gone)}
    says = f"The log has {len(entries)} entries of this period; retention removed what {len(gone)} others said."
    return _statement("log", "The audit log", says, numbers, table.documents)


def _policies(found: Found, entries: Sequence[Entry]) -> Statement:
    changes = [one for one in entries if one.event.action in ACTIVATIONS]
    rows = [_activation(one, "in force at the beginning") for one in found.earlier[:1]]
    rows += [_activation(one, "changed") for one in changes]
    created = sum(one.event.action == "policy.create" for one in entries)
    first = "no activation before it is known" if not found.earlier else f"{rows[0]['policy']} was in force before it"
    says = f"The active policy changed {len(changes)} times; {first}. {created} versions were stored."
    return _statement("policies", "Policies in force", says, {"changes": len(changes), "versions": created}, rows)


def _activation(one: Entry, what: str) -> dict[str, Any]:
    event = one.event
    is_active = event.action == "policy.activate"
    return {
        "what": what,
        "policy": event.subject if is_active else "none",
        "mode": event.details.get("mode", ""),
        "hash": event.details.get("hash", ""),
        "number": event.details.get("number", ""),
        "before": event.details.get("before", ""),
        "actor": event.actor,
        "at_ms": event.at_ms,
        "entries": [one.index],
        "of": 1,
    }


def _rules(entries: Sequence[Entry]) -> Statement:
    table = Table(("policy", "rule", "point"), OUTCOMES)
    for one in entries:
        for decision in decisions_of(one.event):
            for name in outcomes(decision):
                table.add((one.event.policy, decision.rule, decision.point), one.index, name)
    rows = table.documents
    numbers = totals(rows, OUTCOMES)
    says = (
        f"Rules matched {numbers['matched']} times: {numbers['denied']} denials, {numbers['asked']} questions to "
        f"people, {numbers['redacted']} redactions, {numbers['routed']} calls sent elsewhere."
    )
    return _statement("rules", "Rules and what they decided", says, numbers, rows)


def _demands(entries: Sequence[Entry]) -> Statement:
    names = ("denied", "routed", "shadow")
    table = Table(("demand", "class", "provider"), names)
    for one in entries:
        for decision in decisions_of(one.event):
            if decision.rule.startswith(PREFIX):
                demand = decision.rule.removeprefix(PREFIX).partition(".")[0]
                for name in set(outcomes(decision)) & set(names):
                    table.add((demand, class_of(decision.rule), decision.subject), one.index, name)
    rows = table.documents
    numbers = totals(rows, names)
    says = (
        f"Demands on providers denied {numbers['denied']} calls and sent {numbers['routed']} elsewhere; "
        f"{numbers['shadow']} were only recorded."
    )
    return _statement("demands", "Demands on providers by data class", says, numbers, rows)


def _exceptions(entries: Sequence[Entry]) -> Statement:
    """State what a rule would have stopped and passed all the same: a person's yes, or shadow mode."""
    names = ("approved", "shadow")
    table = Table(("policy", "rule"), names)
    for one in entries:
        for decision in decisions_of(one.event):
            stops = decision.verdict in ("deny", "ask")
            for name in outcomes(decision):
                if name == "approved" or (name == "shadow" and stops):
                    table.add((one.event.policy, decision.rule), one.index, name)
    rows = table.documents
    numbers = totals(rows, names)
    says = f"{numbers['approved']} actions passed by a person's yes, {numbers['shadow']} in shadow mode."
    return _statement("exceptions", "Exceptions: what a rule would stop and that passed", says, numbers, rows)


def _approvals(entries: Sequence[Entry]) -> Statement:
    table = Table(("actor", "tool"), ("approved", "refused"))
    for one in entries:
        if one.event.action in ("approve", "refuse") and one.event.kind == "admin":
            name = "approved" if one.event.action == "approve" else "refused"
            table.add((one.event.actor, one.event.details.get("tool", "")), one.index, name)
    rows = table.documents
    numbers = totals(rows, ("approved", "refused"))
    says = f"People said yes {numbers['approved']} times, and no {numbers['refused']} times."
    return _statement("approvals", "Approvals by people", says, numbers, rows)


def _refusals(entries: Sequence[Entry]) -> Statement:
    table = Table(("actor", "action"), ("requests",))
    for one in entries:
        if one.event.kind == "denial" and not one.event.decisions:
            table.add((one.event.actor, one.event.action), one.index, "requests", one.event.count)
    rows = table.documents
    numbers = totals(rows, ("requests",))
    says = f"{numbers['requests']} requests were refused, since the key was unknown or lacked a permission."
    return _statement("refusals", "Requests that were refused", says, numbers, rows)


def _redactions(entries: Sequence[Entry]) -> Statement:
    table = Table(("point", "subject"), ("redactions",))
    for one in entries:
        for decision in decisions_of(one.event):
            if decision.verdict == "redact" and decision.enforced:
                table.add((decision.point, decision.subject), one.index, "redactions")
    rows = table.documents
    numbers = totals(rows, ("redactions",))
    says = f"Rules hid data {numbers['redactions']} times."
    return _statement("redactions", "Redactions", says, numbers, rows)


def _erasures(entries: Sequence[Entry]) -> Statement:
    rows = [_act(one) for one in entries if one.event.action in (ERASE, ERASED)]
    requested = sum(row["action"] == ERASE for row in rows)
    numbers = {"requested": requested, "erased": len(rows) - requested}
    says = f"The erasure of data subjects was requested {requested} times; {numbers['erased']} keys were destroyed."
    return _statement("erasures", "Erasures of data subjects", says, numbers, rows)


def _readers(entries: Sequence[Entry]) -> Statement:
    """State who read what rules for readers decide on, and who got values in place of tokens."""
    names = ("answers", "withheld", "revealed")
    table = Table(("actor",), names)
    for one in entries:
        event = one.event
        if event.action == "policy.read":
            revealed = sum(decision.rule.startswith(PRIVACY) for decision in event.decisions)
            if revealed:
                table.add((event.actor,), one.index, "revealed", revealed)
            if revealed < len(event.decisions):
                table.add((event.actor,), one.index, "withheld" if event.decision == "denied" else "answers")
    rows = table.documents
    numbers = totals(rows, names)
    says = (
        f"{numbers['revealed']} values with tokens were shown in clear; rules for readers matched "
        f"{numbers['answers'] + numbers['withheld']} answers, of which {numbers['withheld']} were withheld in part."
    )
    return _statement("readers", "Who read data that rules protect", says, numbers, rows)


def _administration(entries: Sequence[Entry]) -> Statement:
    table = Table(("action", "actor"), ("acts", "failed"))
    for one in entries:
        event = one.event
        if event.kind == "admin":
            table.add((event.action, event.actor), one.index, "failed" if _failed(one) else "acts")
    rows = table.documents
    numbers = totals(rows, ("acts", "failed"))
    says = f"Administrators acted {numbers['acts']} times; {numbers['failed']} of it did not take effect."
    return _statement("administration", "Acts of administrators", says, numbers, rows)


def _acts(id_: str, title: str, actions: Iterable[str], entries: Sequence[Entry], what: str) -> Statement:
    wanted = frozenset(actions)
    rows = [_act(one) for one in entries if one.event.action in wanted and one.event.kind != "denial"]
    done = sum(row["effect"] == "done" for row in rows)
    # An act that did not take effect is recorded twice: before it, and when it failed.
    failed = len(rows) - done
    numbers = {"done": done - failed, "failed": failed}
    says = f"{numbers['done']} {what}" + (f"; {failed} did not take effect." if failed else ".")
    return _statement(id_, title, says, numbers, rows)


def _act(one: Entry) -> dict[str, Any]:
    event = one.event
    return {
        "action": event.action,
        "subject": event.subject,
        "actor": event.actor,
        "at_ms": event.at_ms,
        "effect": "failed" if _failed(one) else "done",
        "entries": [one.index],
        "of": 1,
    }


def _failed(one: Entry) -> bool:
    return one.event.event_id.endswith(_FAILED)
