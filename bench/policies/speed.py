"""The time of a ruling, and of the worst conditions and contents that a policy may have."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from schemas.labels.label import Integrity, Label
from schemas.labels.mapped import Labels
from schemas.policies.compiled import PolicySet, compile_policy
from schemas.policies.facts import ToolFacts, Where
from schemas.policies.links import new_links
from schemas.policies.packs import PACKS
from schemas.policies.read import read_policy
from schemas.policies.verbatim import stands_in
from schemas.records.security.pinned import ToolSecurity

WEB = Label(Integrity.WEB, origins=frozenset({"page"}))
USER = Label(Integrity.USER)
_SEND = ToolSecurity(
    effects=True, sinks={"to": "recipient", "cc": "recipient", "subject": "content", "body": "content"}
)
_TEN = (
    "sinks.exists(s, s.sink == 'recipient' && !s.trusted)",
    "sinks.exists(s, s.sink == 'url' && !s.trusted)",
    "sinks.exists(s, s.sink in ['path', 'command'] && !s.trusted)",
    "!tool.declared && args.exists(k, args[k].integrity > USER)",
    "tool.effects && context.integrity > USER && context.classes.exists(c, c in values.private)",
    "sinks.exists(s, s.limited && !recipients.all(r, r in s.readers))",
    "has(args.amount) && args.amount.value > 1000",
    "control.integrity == WEB && tool.effects && node.kind != 'agent'",
    "'secret' in context.classes",
)
_ALLOW = "sinks.all(s, s.trusted || s.sink == 'content')"


def ten_rules() -> PolicySet:
    """Return a policy of ten rules, most of them with loops."""
    rules = [{"id": f"r{at}", "at": "tool_call", "when": when, "verdict": "deny"} for at, when in enumerate(_TEN)]
    rules.append({"id": "ok", "at": "tool_call", "when": _ALLOW, "verdict": "allow"})
    return compile_policy(read_policy({"name": "ten", "values": {"private": ["pii", "secret"]}, "rules": rules}))


def default_pack() -> PolicySet:
    """Return the pack ``default``."""
    return compile_policy(read_policy(PACKS["default"]))


def mail(**changes: Any) -> ToolFacts:
    """Return a call with four arguments and 1 KB of a page in its body, which all rules let pass."""
    labels = Labels({(): USER, ("body",): WEB})
    said = {
        "where": Where(org="org", workflow="mail", node="send", kind="tool"),
        "tool": "mail.send",
        "security": _SEND,
        "args": {"to": "ann@example.org", "cc": [], "subject": "hello", "body": "some words " * 100},
        "labels": labels,
        "control": USER,
        "context": USER,
    }
    return ToolFacts(**{**said, **changes})


def rulings_us(policy: PolicySet, facts: ToolFacts, times: int) -> float:
    """Return the microseconds of processor time of one ruling. Raises ``ValueError`` if it is not allowed."""
    if policy.tool_call(facts).verdict != "allow":
        raise ValueError("the call is not allowed, so what is measured is another thing")
    return _cpu_s(lambda: [policy.tool_call(facts) for _ in range(times)]) / times * 1e6


def hostile_s() -> dict[str, float]:
    """Return the seconds of processor time of each hostile condition, content and value."""
    found = {}
    long, items = "a" * 32_000, ["a" * 100] * 256
    for when, value in (
        ("args.to.value.matches('^(a+)+$')", long + "!"),
        ("args.to.value.matches('(a?){500}(a?){500}$')", long),
        ("args.to.value.all(x, args.to.value.all(y, args.to.value.all(z, x.matches('(a|aa)+b'))))", items),
        ("args.to.value.filter(x, args.to.value.filter(y, y == x).size() > 0).size() > 9", items),
        ("args.to.value.exists(x, args.to.value.exists(y, (x + y).contains('ab')))", items),
    ):
        rule = {"id": "r", "at": "tool_call", "when": when, "verdict": "deny"}
        policy = compile_policy(read_policy({"name": "hostile", "effects": "allow", "rules": [rule]}))
        facts = mail(args={"to": value})
        found[when] = _cpu_s(partial(policy.tool_call, facts))
    for text in (
        "a." * 500_000,
        "//" * 500_000,
        "a/" * 500_000,
        "1." * 500_000,
        "www." * 250_000,
        "\u200b" * 1_000_000,
    ):
        found[f"links of {text[:4]!r}"] = _cpu_s(partial(new_links, text, [text[:100]]))
    for text in ("ab" * 500_000, "(" * 1_000_000, "a b " * 250_000):
        found[f"tokens of {text[:4]!r}"] = _cpu_s(partial(stands_in, text[:20], [text + "x"], 6, ["a"]))
    return found


def _cpu_s(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started
