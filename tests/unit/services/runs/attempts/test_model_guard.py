"""Before an llm step is lent: which model its worker may ask, and what that may read."""

from typing import Any

import pytest

from connectors.memory.engine import ManualClock
from schemas.compliance.facts import FactsDocument, FactsEntry
from schemas.errors import StepError
from schemas.policies.read import read_policy
from schemas.records.base import Json
from schemas.records.steps import LlmCall, StepSecurity
from services.calls.ledger import Ledger
from services.calls.timeouts import Deferred
from services.runs.attempts.model_guard import LentModelGuard
from services.security.compliance.known import KnownFacts
from services.security.enforcement.known import KnownPolicies
from tests.support.policies import TRUSTED, definition
from tests.unit.services.runs.attempts.test_tool_guard import asked

FACTS = FactsDocument(
    providers=(
        FactsEntry(route="here/large", regions=("eu-west-1",), trains=False),
        FactsEntry(route="there", regions=("us-east-1",), trains=True),
    )
)
ARGS: dict[str, Json] = {"text": "call 555"}
PII = {"$": TRUSTED, "$.text": [*TRUSTED, "class:pii"]}
PII_STAYS: dict[str, Json] = {"id": "stays", "at": "model_call", "when": "'pii' in context.classes"}


class Desk:
    """A guard over one policy."""

    def __init__(self, *rules: Json, known: bool = True, **more: Json) -> None:
        self.document: dict[str, Json] = {"name": "guard", "rules": list(rules), **more}
        self.ledger, policies, facts = Ledger(), KnownPolicies(), KnownFacts(FACTS)
        policies.mark_loaded()
        facts.mark_loaded()
        if known:
            policies.apply(definition("acme", self.document))
        self.guard = LentModelGuard(policies, facts, ManualClock())

    def ask(self, work: LlmCall, **said: Any) -> tuple[LlmCall, dict[str, Json]]:
        fields: dict[str, Any] = {"args": PII, "control": TRUSTED, **said}
        security = StepSecurity(policy="guard@1", policy_hash=read_policy(self.document).hash, **fields)
        return self.guard.allowed(asked(work=work, security=security), work, ARGS, self.ledger)

    @property
    def said(self) -> list[tuple[str, str, str]]:
        return [(one.rule, one.verdict, one.subject) for one in self.ledger.decisions]


def llm(provider: str | None = None, model: str | None = None, **more: Any) -> LlmCall:
    fields: dict[str, Any] = {"prompt_name": "p", "prompt_version": 1, "prompt_hash": "h", "template": "Say {{text}}"}
    return LlmCall(**fields, provider=provider, model=model, **more)


def test_what_no_rule_is_about_is_lent_as_it_is() -> None:
    desk, work = Desk(), llm("there", "small")
    found, args = desk.ask(work)
    assert (found, desk.said) == (work, [])
    assert args is ARGS


def test_a_step_without_security_is_lent_as_it_is() -> None:
    work = llm()
    assert Desk().guard.allowed(asked(work=work, security=None), work, ARGS, Ledger()) == (work, ARGS)


def test_a_model_that_may_not_read_it_is_lent_nothing() -> None:
    desk = Desk({**PII_STAYS, "when": "model.provider == 'there'", "verdict": "deny", "reason": "it is abroad"})
    with pytest.raises(StepError, match=r"'there/small' is denied by rule 'stays'.*it is abroad") as caught:
        desk.ask(llm("there", "small"))
    assert (caught.value.code, desk.said) == ("policy_denied", [("stays", "deny", "there/small")])


def test_classes_of_the_node_count_as_well() -> None:
    desk = Desk({**PII_STAYS, "verdict": "deny"})
    with pytest.raises(StepError, match="stays"):
        desk.ask(llm("here", "large", data_class="pii"), args={"$": TRUSTED})
    assert desk.ask(llm("here", "large"), args={"$": TRUSTED})[1] is ARGS


def test_of_a_model_that_its_worker_chooses_nothing_is_known() -> None:
    desk = Desk({**PII_STAYS, "when": "model.region != 'eu-west-1'", "verdict": "deny"})
    with pytest.raises(StepError, match="stays"):
        desk.ask(llm())
    assert desk.ask(llm("here", "large"))[1] is ARGS


def test_a_rule_that_routes_names_the_model_that_is_asked() -> None:
    desk = Desk({**PII_STAYS, "verdict": "route", "route": ["here/large"]})
    work, _ = desk.ask(llm())
    assert (work.provider, work.model) == ("here", "large")
    work, _ = desk.ask(llm("here", "large"))
    assert (work.provider, work.model) == ("here", "large")


def test_demands_of_compliance_send_it_where_they_are_met() -> None:
    work, _ = Desk(compliance={"no_training": ["pii"], "reroute": ["there/small", "here/large"]}).ask(llm("there", "x"))
    assert (work.provider, work.model) == ("here", "large")
    with pytest.raises(StepError, match="compliance"):
        Desk(compliance={"no_training": ["pii"]}).ask(llm("there", "x"))


def test_what_is_hidden_is_not_lent() -> None:
    _, args = Desk({**PII_STAYS, "verdict": "redact", "redact_classes": ["pii"]}).ask(llm("there", "x"))
    assert args == {"text": "[redacted]"}


def test_shadow_mode_only_records() -> None:
    desk = Desk({**PII_STAYS, "verdict": "deny"})
    assert desk.ask(llm("there", "x"), mode="shadow")[1] is ARGS
    assert [one.enforced for one in desk.ledger.decisions] == [False]


def test_a_policy_that_is_not_known_lends_nothing_yet() -> None:
    with pytest.raises(Deferred, match="is not known"):
        Desk({**PII_STAYS, "verdict": "deny"}, known=False).ask(llm())


def test_labels_that_cannot_be_read_lend_nothing() -> None:
    with pytest.raises(StepError, match="could not decide") as caught:
        Desk({**PII_STAYS, "verdict": "deny"}).ask(llm(), args={"$": ["nonsense"]})
    assert caught.value.code == "policy_failed"
