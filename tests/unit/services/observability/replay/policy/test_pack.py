"""A pack decides recorded calls by the labels that they had, as a live policy would have."""

from typing import Any

import msgspec
import pytest

from connectors.postgres.policies.facts import FactsVersion
from schemas.api_models.traces.policies import PolicyDocument
from schemas.compliance.facts import Facts, FactsDocument, StoredFacts
from schemas.compliance.shipped import SHIPPED
from schemas.errors import InvalidInput
from schemas.policies.compiled import PolicySet
from schemas.policies.facts import ModelFacts
from schemas.policies.rulings import Ruling
from schemas.records.security.pinned import CallLabels
from services.observability.replay.policy.calls import RecordedCall, Route
from services.observability.replay.policy.lanes import Decided, lane
from services.observability.replay.policy.pack import Pack, pack_policy
from services.observability.replay.policy.pricing import Pricing
from services.observability.replay.policy.replays import CallWindow, PolicyReplays
from tests.unit.services.observability.replay.policy.test_lanes import BOOKS, GOLD, SILVER, call
from tests.unit.services.observability.replay.policy.test_report import Prices, Rows, row

PII_STAYS = {
    "id": "stays",
    "at": "model_call",
    "when": "'pii' in context.classes && model.model == 'gold'",
    "verdict": "deny",
}


def rule(**changes: Any) -> dict[str, Any]:
    return {**PII_STAYS, **changes}


def labels(**said: Any) -> str:
    return msgspec.json.encode(CallLabels(**said)).decode()


PII = labels(args={"$": ["trusted"], "$.mail": ["user", "class:pii"]}, control=["trusted"])
PLAIN = labels(args={"$": ["user"]}, control=["trusted"])


def decided(
    calls: list[RecordedCall], *rules: dict[str, Any], facts: Facts | None = None, **more: Any
) -> list[Decided]:
    pack = Pack("acme", pack_policy({"name": "p", "rules": list(rules), **more}), facts or Facts(SHIPPED))
    given = PolicyDocument()
    return lane(calls, given, Pricing(BOOKS, given.prices), pack)


def test_a_call_is_refused_by_the_classes_that_it_read() -> None:
    found = decided([call(1, labels=PII), call(2, labels=PLAIN)], rule())
    assert [(one.made, one.refused_by) for one in found] == [(False, "rule stays"), (True, "")]


def test_a_refusal_ends_its_run() -> None:
    found = decided([call(1, run_id="r", labels=PII), call(2, run_id="r", labels=PLAIN)], rule())
    assert [one.made for one in found] == [False, False]


def test_what_an_agent_read_counts_and_not_its_arguments_alone() -> None:
    said = labels(args={"$": ["trusted"]}, control=["trusted"], context=["web", "class:pii"], agent=True)
    (found,) = decided([call(1, labels=said)], rule(when="node.kind == 'agent' && 'pii' in context.classes"))
    assert found.refused_by == "rule stays"


def test_the_class_that_a_node_names_counts() -> None:
    (found,) = decided([call(1, labels=labels(args={"$": ["user"]}, control=["trusted"], data_class="pii"))], rule())
    assert found.refused_by == "rule stays"


def test_labels_of_single_arguments_and_of_control_are_read() -> None:
    by_mail = rule(when="'pii' in args.mail.classes && control.integrity == 0")
    found = decided([call(1, labels=PII), call(2, labels=labels(args={"$.mail": ["user"]}, control=["web"]))], by_mail)
    assert [one.refused_by for one in found] == ["rule stays", ""]


@pytest.mark.parametrize("said", ["", labels()], ids=["none were recorded", "nothing is said"])
def test_a_call_without_labels_is_trusted_least(said: str) -> None:
    (found,) = decided([call(1, labels=said)], rule(when="context.integrity == 3"))
    assert found.refused_by == "rule stays"


def test_labels_that_cannot_be_read_refuse() -> None:
    (found,) = decided([call(1, labels=labels(args={"$": ["nonsense"]}))], rule())
    assert found.refused_by == "labels"


def test_a_rule_that_reads_a_value_cannot_be_decided_and_refuses() -> None:
    (found,) = decided([call(1, labels=PII)], rule(when="args.mail.value == 'x'"))
    assert found.refused_by == "rule stays"


def test_a_rule_that_routes_sends_the_call_there() -> None:
    routes = rule(verdict="route", route=["local/silver"])
    found = decided([call(1, labels=PII), call(2, labels=PLAIN)], routes)
    assert [(one.route, one.cost_nano) for one in found] == [(SILVER, 1_500_000), (GOLD, 4_500_000)]


def test_a_provider_alone_keeps_the_model() -> None:
    (found,) = decided([call(1, labels=PII)], rule(when="model.provider == 'local'", verdict="route", route=["other"]))
    assert found.route == Route("other", "gold")


def test_demands_of_compliance_send_a_call_to_a_route_that_meets_them() -> None:
    stated = {"providers": [{"route": "local/silver", "trains": False}, {"route": "local/gold", "trains": True}]}
    facts = Facts(SHIPPED, FactsDocument.model_validate(stated))
    demands = {"no_training": ["pii"]}
    calls = [call(1, labels=PII), call(2, labels=PLAIN)]
    assert [one.refused_by != "" for one in decided(calls, compliance=demands, facts=facts)] == [True, False]
    found = decided(calls, compliance={**demands, "reroute": ["local/silver"]}, facts=facts)
    assert [one.route for one in found] == [SILVER, GOLD]


def test_a_pack_in_shadow_mode_is_enforced() -> None:
    (found,) = decided([call(1, labels=PII)], rule(), mode="shadow")
    assert found.refused_by == "rule stays"


class Stated:
    async def newest(self, org_id: str) -> FactsVersion | None:
        document = FactsDocument.model_validate({"providers": [{"route": "local", "regions": ["eu"]}]})
        return FactsVersion(StoredFacts(version=1, facts=document), "k", 0)


async def test_a_pack_is_replayed_over_rows_by_what_the_organisation_states() -> None:
    rows = Rows(msgspec.structs.replace(row("ask"), labels=PII), row("ask"))
    pack = {"name": "p", "rules": [rule(when="'pii' in context.classes && model.region == 'eu'")]}
    policy = PolicyDocument.model_validate({"guard": {"pack": pack}})
    found = await PolicyReplays(rows, Prices(), Stated()).replay(CallWindow("acme", 0, 10_000), policy)
    assert (found.candidate.refused_by, found.coverage.unlabelled) == ({"rule stays": 1}, 1)


def test_equal_calls_are_decided_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ModelFacts] = []
    decide = PolicySet.model_call

    def counted(rules: PolicySet, facts: ModelFacts) -> Ruling:
        asked.append(facts)
        return decide(rules, facts)

    monkeypatch.setattr(PolicySet, "model_call", counted)
    decided([call(n, run_id=f"r{n}", labels=PLAIN) for n in range(9)], rule())
    assert len(asked) == 1


async def test_problems_of_a_pack_name_their_place() -> None:
    policy = PolicyDocument.model_validate({"guard": {"pack": {"name": "p", "rules": [rule(when="(")]}}})
    with pytest.raises(InvalidInput, match=r"policy\.guard\.pack\.rules\[0\]\.when"):
        await PolicyReplays(Rows(row("ask")), Prices(), Stated()).replay(CallWindow("acme", 0, 10_000), policy)
