"""Faults of policies, labels and facts: each must be refused or denied, and none may pass."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from bench.policies.speed import USER, default_pack, mail
from schemas.errors import AgentFlowError
from schemas.labels.mapped import Labels
from schemas.policies.compiled import compile_policy
from schemas.policies.document import Policy
from schemas.policies.read import read_policy

_RULE = {"id": "r", "at": "tool_call", "when": "args.to.value == 'nobody'", "verdict": "deny"}
_ALLOW = {"id": "ok", "at": "tool_call", "verdict": "allow"}
_BROKEN_DOCUMENTS: tuple[Any, ...] = (
    "name: x\nrules: [",
    "name: x\nrule: []",
    "name: x\nrules: [{id: r, at: tool_call, when: 'args.to.', verdict: deny}]",
    "name: x\nrules: [{id: r, at: tool_call, when: 'arg.to == 1', verdict: deny}]",
    "name: x\nrules: [{id: r, at: tool_call, when: 'tool.efects', verdict: deny}]",
    "name: x\nrules: [{id: r, at: tool_calls, verdict: deny}]",
    "name: x\nrules: [{id: r, at: tool_call, verdict: deni}]",
    "name: x\nmode: disabled",
    "name: x\nextends: [defaults]",
    "name: x\nextends: [default]\nwithout: [default/urls]",
    "name: x\ntools: {t: {source: wbe}}",
    "name: x\ntools: {t: {sinks: {to: person}}}",
    "name: x\ninputs: {w: {to: web}}",
    "name: x\ninputs: {w: {$: [web, clas:pii]}}",
    "name: x\nendorse: [{by: verbatim}]",
    {"name": "x", "rules": [{**_RULE, "when": 3}]},
)
_CONDITIONS = (
    "args.nobody.integrity > USER",
    "args.to.value > 5",
    "args.to.integrity == 'web' || args.to.integrity > 'a'",
    "1 / 0 == 1",
    "args.to.value.matches('(a')",
    "args.to.value",
    "args.to.value.size() < 0 || args.to.nothing",
    "[1, 2, 3][9] == 1",
    "int(args.to.value) > 1",
    "args.all(a, args.all(b, args.all(c, args.all(d, args.all(e, args.all(f, args.all(g, true)))))))",
)
_VALUES: tuple[Any, ...] = ("a\0b", "\ud800", 2**70, 2**63, "x" * 40_000, ["x"] * 300, {1: 2}, b"x", float("nan"))
_ARGUMENTS: tuple[dict[str, Any], ...] = ({f"a{at}": 1 for at in range(65)}, {"a\0": 1}, {"\ud800": 1})
_LABELS = (["wbe"], ["class:"], ["class:a b"], ["Web"], ["reader"], ["from:"], ["trusted", "sure"])


def passes() -> list[str]:
    """Return what passed although something was wrong; it should be nothing."""
    return [name for name, passed in _faults() if passed]


def faults() -> int:
    """Return how many faults are tried."""
    return sum(1 for _ in _faults())


def _faults() -> Iterator[tuple[str, bool]]:
    """Yield each fault, and whether it passed."""
    for document in _BROKEN_DOCUMENTS:
        yield f"document {document}", not _refused(partial(read_policy, document))
    for when in _CONDITIONS:
        yield f"condition {when}", _allowed(when, {f"a{at}": at for at in range(8)} | {"to": "x"})
    for value in _VALUES:
        yield f"value {str(value)[:20]!r}", _allowed(str(_RULE["when"]), {"to": value})
    for args in _ARGUMENTS:
        yield f"arguments {str(args)[:20]!r}", _allowed("'x' in args && false", args)
    for words in _LABELS:
        yield f"label {words}", not _refused(partial(Labels.read, {"$": words}))
    yield "an unlabelled argument", default_pack().tool_call(mail(labels=Labels({}))).verdict == "allow"
    empty = compile_policy(read_policy({"name": "x"}))
    yield "a call that no rule allows", empty.tool_call(mail()).verdict == "allow"
    raw = Policy.model_validate({"name": "x", "rules": [{**_RULE, "when": "nonsense("}]})
    yield "a document that was not read", not _refused(partial(compile_policy, raw))


def _refused(work: Callable[[], object]) -> bool:
    try:
        work()
    except AgentFlowError:
        return True
    return False


def _allowed(when: str, args: dict[str, Any]) -> bool:
    policy = compile_policy(read_policy({"name": "x", "rules": [{**_RULE, "when": when}, _ALLOW]}))
    return policy.tool_call(mail(args=args, labels=Labels.of_whole(USER))).verdict == "allow"
