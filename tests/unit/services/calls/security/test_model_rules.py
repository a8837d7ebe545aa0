"""Demands of compliance at calls of models: routes that meet them, calls that are sent elsewhere, and refusals."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from connectors.providers.base import ModelRequest, ModelResponse
from schemas.compliance.facts import FactsDocument, FactsEntry, StoredFacts
from schemas.errors import StepError
from schemas.policies.read import read_policy
from schemas.records.base import Json
from schemas.records.definitions import Definition
from schemas.records.steps import RouteWish, StepSecurity
from schemas.tables.routes import NOTHING, Learned
from services.calls.call import Call
from services.calls.ledger import Ledger
from services.calls.pipeline import call_stages, compose
from services.calls.timeouts import Deferred
from services.routing.models import QUALITY_FILE, Models, RoutesFile, read_routes
from services.routing.policy_router import PolicyRouter
from services.routing.router import Pin
from services.security.compliance.known import KnownFacts
from services.security.enforcement.known import KnownPolicies
from tests.support.calls import PRICES, USAGE, Calls, MemoryProvider, call, for_all
from tests.support.policies import TRUSTED

pytestmark = pytest.mark.asyncio

PII = ["user", "class:pii"]
BEST = RouteWish(by="best", fallbacks=2, hedge=True)
DOWN = StepError("provider_unavailable", "down", retryable=True)
#: Data of the class may go everywhere, as far as the installation is concerned.
MODELS = Models([read_routes(QUALITY_FILE), RoutesFile(version="test", data_classes={"pii": ["*"]})])
#: Of three models that one provider has, each processes data elsewhere.
FACTS = FactsDocument(
    providers=(
        FactsEntry(route="local/local-gold", regions=("us-east-1",)),
        FactsEntry(route="local/local-silver", regions=("eu-west-1",)),
        FactsEntry(route="local/local-bronze", regions=("eu-west-1", "us-east-1")),
    )
)


class ByModel(MemoryProvider):
    """Fails for the models of ``down``."""

    down: frozenset[str] = frozenset()

    async def complete(self, request: ModelRequest) -> ModelResponse:
        self.asked.append(request)
        if request.model in self.down:
            raise DOWN
        return ModelResponse(f"of {request.model}", USAGE, "stop", {"q": 1}, {"a": 1})


class Nothing:
    async def learned(self, group: str) -> Learned:
        return NOTHING


class Desk(Calls):
    """Calls under a policy with demands."""

    def __init__(self, tmp_path: Path, compliance: dict[str, Json], *, loaded: bool = True, **policy: Json) -> None:
        super().__init__(tmp_path)
        self.provider = ByModel(self.trail)
        self.router = PolicyRouter(MODELS, ["local"], for_all(PRICES), Nothing())  # type: ignore[assignment]
        self.policy = read_policy({"name": "ours", "compliance": compliance, **policy})
        self.policies, self.facts = KnownPolicies(), KnownFacts()
        made = Definition(kind="policy", org_id="acme", id="ours", body=self.policy.document, changed_at_ms=1)
        stated = StoredFacts(version=1, facts=FACTS).body()
        for one in (made, Definition(kind="provider_facts", org_id="acme", id="facts", body=stated, changed_at_ms=1)):
            self.policies.apply(one)
            self.facts.apply(one)
        self.policies.mark_loaded()
        if loaded:
            self.facts.mark_loaded()

    @property
    def models(self) -> list[str]:
        return [one.model for one in self.provider.asked]

    def call(self, ledger: Ledger, word: list[str] = PII, **changes: Any) -> Call:
        security = StepSecurity(
            policy="ours@1", policy_hash=self.policy.hash, args={"$": TRUSTED, "$.word": word}, control=TRUSTED
        )
        return call(ledger, **({"security": security, "tier": "bronze"} | changes))

    async def make(self, ledger: Ledger, word: list[str] = PII, **changes: Any) -> str:
        ports = replace(self.ports(), policies=self.policies, facts=self.facts)
        answer = await compose(call_stages(ports))(self.call(ledger, word, **changes))
        return answer.response.text


EU = {"residency": {"pii": ["eu"]}}


async def test_a_choice_is_made_among_models_that_meet_the_demands(tmp_path: Path) -> None:
    desk = Desk(tmp_path, EU)
    assert await desk.make(Ledger(), wish=BEST) == "of local-silver"


async def test_other_data_has_the_whole_choice(tmp_path: Path) -> None:
    assert await Desk(tmp_path, EU).make(Ledger(), ["user"], wish=BEST) == "of local-gold"


async def test_no_fallback_goes_where_the_data_may_not(tmp_path: Path) -> None:
    desk = Desk(tmp_path, EU)
    desk.provider.down = frozenset({"local-silver"})  # type: ignore[attr-defined]
    with pytest.raises(StepError, match="down"):
        await desk.make(Ledger(), wish=BEST)
    assert desk.models == ["local-silver"]


async def test_a_pinned_model_that_does_not_meet_them_is_denied(tmp_path: Path) -> None:
    desk, ledger = Desk(tmp_path, EU), Ledger()
    with pytest.raises(StepError, match=r"rule 'compliance/residency\.pii' of policy ours@1") as caught:
        await desk.make(ledger, pinned=Pin("local", "local-gold"))
    assert (caught.value.code, desk.models) == ("policy_denied", [])
    assert [(one.rule, one.verdict, one.subject) for one in ledger.decisions] == [
        ("compliance/residency.pii", "deny", "local/local-gold")
    ]


async def test_a_call_is_sent_to_the_first_route_that_meets_them(tmp_path: Path) -> None:
    desk = Desk(tmp_path, EU | {"reroute": ["local/local-bronze", "local/local-silver"]})
    ledger = Ledger()
    assert await desk.make(ledger, pinned=Pin("local", "local-gold")) == "of local-silver"
    assert [(one.rule, one.verdict) for one in ledger.decisions] == [("compliance/residency.pii", "route")]
    assert ledger.decisions[0].reason.endswith("sent to local/local-silver instead")
    assert (ledger.provider, ledger.model) == ("local", "local-silver")


async def test_a_choice_without_any_model_that_meets_them_is_denied_or_sent_elsewhere(tmp_path: Path) -> None:
    nobody = {"providers": {"pii": ["nobody"]}}
    ledger = Ledger()
    with pytest.raises(StepError, match=r"compliance/providers\.pii"):
        await Desk(tmp_path / "a", nobody).make(ledger, wish=BEST)
    assert [(one.rule, one.verdict) for one in ledger.decisions] == [("compliance/providers.pii", "deny")]
    only = {"residency": {"pii": ["eu"]}, "reroute": ["local/local-silver"]}
    wish = RouteWish(by="best", models=["local/local-gold"])
    assert await Desk(tmp_path / "b", only).make(Ledger(), wish=wish) == "of local-silver"


async def test_the_class_that_a_node_names_counts_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path, EU)
    with pytest.raises(StepError, match=r"compliance/residency\.pii"):
        await desk.make(Ledger(), ["user"], pinned=Pin("local", "local-gold"), data_class="pii")


async def test_what_another_rule_denies_is_not_sent_elsewhere(tmp_path: Path) -> None:
    rule: Json = {"id": "no", "at": "model_call", "when": "model.model == 'local-gold'", "verdict": "deny"}
    desk = Desk(tmp_path, EU | {"reroute": ["local/local-silver"]}, rules=[rule])
    with pytest.raises(StepError, match=r"rule 'compliance/residency\.pii'|rule 'no'"):
        await desk.make(Ledger(), pinned=Pin("local", "local-gold"))
    assert desk.models == []


async def test_shadow_mode_records_and_changes_nothing(tmp_path: Path) -> None:
    desk, ledger = Desk(tmp_path, EU | {"mode": "shadow"}), Ledger()
    assert await desk.make(ledger, wish=BEST) == "of local-gold"
    assert [(one.verdict, one.enforced) for one in ledger.decisions] == [("deny", False)]


async def test_facts_that_are_not_read_yet_are_waited_for(tmp_path: Path) -> None:
    desk = Desk(tmp_path, EU, loaded=False)
    with pytest.raises(Deferred):
        await desk.make(Ledger(), pinned=Pin("local", "local-silver"))
    assert desk.models == []


@pytest.mark.parametrize(("is_agent", "kind"), [(False, "llm"), (True, "agent")])
async def test_a_rule_is_about_the_calls_of_one_kind_of_node(tmp_path: Path, is_agent: bool, kind: str) -> None:
    rule: Json = {"id": "kind", "at": "model_call", "when": f"node.kind == '{kind}'", "verdict": "deny"}
    desk, ledger = Desk(tmp_path, EU, rules=[rule]), Ledger()
    security = desk.call(ledger).security
    assert security is not None

    async def make(*, is_agent: bool) -> str:
        changed = structs.replace(security, agent=is_agent)
        return await desk.make(ledger, security=changed, pinned=Pin("local", "local-silver"))

    with pytest.raises(StepError, match="rule 'kind'"):
        await make(is_agent=is_agent)
    assert await make(is_agent=not is_agent) == "of local-silver"
