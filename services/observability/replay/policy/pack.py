"""A pack of rules over recorded calls: what a policy says of each at ``model_call``, by its recorded labels. Pure.

Calls come again with equal labels, so what was decided once is kept.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from schemas.compliance.facts import Facts
from schemas.errors import AgentFlowError, InvalidInput, Problem
from schemas.labels.label import UNLABELLED
from schemas.labels.mapped import Labels
from schemas.policies.compiled import compile_policy
from schemas.policies.document import Policy
from schemas.policies.facts import Where
from schemas.policies.read import read_policy
from schemas.policies.rulings import ERROR, Ruling
from schemas.records.security.pinned import CallLabels
from services.calls.security.ways import way_of
from services.observability.replay.policy.calls import RecordedCall, Route
from services.routing.router import Route as Asked
from services.security.enforcement.reading import model_facts

_AT = "policy.guard.pack"
_KEPT = 16_384
#: Values of arguments are in no log. A rule that reads this one cannot be decided, and denies.
_UNKNOWN = "\0"
_UNREADABLE = "labels"
_LABELS = msgspec.json.Decoder(CallLabels)


class Ruled(NamedTuple):
    """Where a call goes, or the rule that refuses it."""

    route: Route
    refused_by: str = ""


def pack_policy(document: Mapping[str, Any]) -> Policy:
    """Return the policy of a pack. Raises ``InvalidInput`` with every problem, by its place in the body."""
    try:
        policy = read_policy(document)
        compile_policy(policy)
    except InvalidInput as exc:
        at = (f"{_AT}.{one.path}" if one.path else _AT for one in exc.problems)
        raise InvalidInput.of(
            *(Problem(path, one.message, one.fix) for path, one in zip(at, exc.problems, strict=True))
        ) from exc
    return policy


class Pack:
    """The rules of a pack, enforced whatever its mode is. ``facts`` are what the organisation knows of providers."""

    def __init__(self, org_id: str, policy: Policy, facts: Facts) -> None:
        self._org_id = org_id
        self._rules = compile_policy(policy, "enforce")
        self._reroute = () if policy.compliance is None else policy.compliance.reroute
        self._facts = facts
        self._ruling = lru_cache(_KEPT)(self._decide)

    def ruled(self, call: RecordedCall, route: Route) -> Ruled:
        """Return what the rules make of a call that would take a route."""
        said = call.labels, call.workflow, call.node, tuple(sorted(call.tags.items()))
        try:
            way = way_of(lambda other: self._ruling(*said, other), Asked(*route), lambda: self._reroute)
        except (AgentFlowError, msgspec.MsgspecError):
            return Ruled(route, _UNREADABLE)
        return Ruled(Route(*way.route)) if way.is_open else Ruled(route, _rule_of(way.ruling))

    def _decide(self, labels: str, workflow: str, node: str, tags: tuple[tuple[str, str], ...], route: Route) -> Ruling:
        said = _LABELS.decode(labels) if labels else _NOT_SAID
        kind = "agent" if said.agent else "llm"
        where = Where(org=self._org_id, workflow=workflow, node=node, kind=kind, tags=dict(tags))
        args = {str(place[0]): _UNKNOWN for place, _ in Labels.read(said.args) if place}
        known = self._facts.of(*route)
        return self._rules.model_call(model_facts(said, said.data_class, where, route, known, args))


def _rule_of(ruling: Ruling) -> str:
    said = ruling.deciding
    return "rule" if said is None else "undecided" if said.rule == ERROR else f"rule {said.rule}"


_NOT_SAID = CallLabels(args={"$": UNLABELLED.words}, control=UNLABELLED.words, context=UNLABELLED.words)
