"""Providers that may get data which they may not have: which routes are looked at, what is said, and the way."""

import pytest

from schemas.compliance.facts import FactsDocument, FactsEntry
from schemas.errors import InvalidSpec, Problem
from schemas.policies.read import read_policy
from schemas.records.base import Json
from schemas.records.security.pinned import ToolSecurity
from schemas.spec.inputs.known_inputs import ArgumentNames
from services.security.flow.check import FlowCheck
from tests.support.families import flow, runs, whole

TOOLS = {"people": ToolSecurity(source=["user", "class:pii"])}
TAKES = ArgumentNames({("tool", "people"): frozenset({"q"})})
STATED = FactsDocument(
    providers=(
        FactsEntry(route="europe", regions=("eu-west-1",)),
        FactsEntry(route="america", regions=("us-east-1",), retention_days=30, trains=False),
    )
)
EU: dict[str, Json] = {"residency": {"pii": ["eu"]}}
FETCH: dict[str, Json] = {"id": "fetch", "type": "tool", "config": {"tool_name": "people", "tool_args": {"q": "x"}}}


def ask(id_: str, word: str, policy: Json = None, **config: Json) -> dict[str, Json]:
    return {
        "id": id_,
        "type": "llm",
        "config": {"prompt_ref": "ask@1", "inputs": {"word": word}, **config},
        "policy": policy or {},
    }


def check(compliance: dict[str, Json], *nodes: dict[str, Json], edges: str, **policy: Json) -> tuple[Problem, ...]:
    found = read_policy({"name": "ours", "effects": "allow", "compliance": compliance, **policy})
    return FlowCheck("acme", "ours@1", found, TOOLS, TAKES, STATED).warnings(whole(flow("top", *nodes, edges=edges)))


def test_a_class_before_a_provider_elsewhere_is_named_with_its_way() -> None:
    middle = {"id": "cut", "type": "function", "config": {"function_name": "f", "function_args": {"x": "fetch.output"}}}
    nodes = (FETCH, middle, ask("sum", "cut.output", provider="america", model="m"))
    (one,) = check(EU, *nodes, edges="fetch>cut cut>sum")
    assert one.path == "dag.nodes[2].config.provider"
    assert one.message == (
        "node 'sum' can send data of class 'pii' to 'america/m' (in us-east-1, kept for 30 days, no training), rule "
        "'compliance/residency.pii': data of class pii is read in eu only; state the provider's facts, if they are not "
        "known: fetch -> cut -> sum"
    )


def test_a_provider_that_meets_the_demands_is_no_finding() -> None:
    assert check(EU, FETCH, ask("sum", "fetch.output", provider="europe", model="m"), edges="fetch>sum") == ()


def test_a_provider_of_which_nothing_is_known_is_refused() -> None:
    (one,) = check(EU, FETCH, ask("sum", "fetch.output", provider="nobody", model="m"), edges="fetch>sum")
    assert "(of which nothing is known)" in one.message


def test_other_data_may_go_there() -> None:
    assert check(EU, ask("sum", "{{word}}", provider="america", model="m"), edges="") == ()


def test_the_class_that_a_node_names_counts() -> None:
    node = ask("sum", "{{word}}", {"data_class": "pii"}, provider="america", model="m")
    (one,) = check(EU, node, edges="")
    assert "can send data of class 'pii' to 'america/m'" in one.message


def test_the_default_route_of_the_quality_is_looked_at() -> None:
    demand: dict[str, Json] = {"providers": {"pii": ["europe"]}}
    (one,) = check(demand, FETCH, ask("sum", "fetch.output", {"quality": "Gold"}), edges="fetch>sum")
    assert "to 'local/local-gold'" in one.message


@pytest.mark.parametrize(
    ("models", "refused"), [(["america/m"], True), (["america/m", "europe/m"], False), (["europe/m"], None)]
)
def test_of_a_list_of_models_one_that_meets_the_demands_is_enough(models: list[Json], refused: bool | None) -> None:
    node = ask("sum", "fetch.output", {"route": {"by": "best", "models": models}})
    if refused:
        with pytest.raises(InvalidSpec, match="america/m"):
            check(EU, FETCH, node, edges="fetch>sum", static="refuse")
        return
    found = check(EU, FETCH, node, edges="fetch>sum", static="refuse")
    assert ["another model of the list is asked" in one.message for one in found] == ([] if refused is None else [True])


def test_a_call_that_is_sent_elsewhere_is_a_warning() -> None:
    node = ask("sum", "fetch.output", provider="america", model="m")
    with pytest.raises(InvalidSpec):
        check(EU, FETCH, node, edges="fetch>sum", static="refuse")
    (one,) = check(EU | {"reroute": ["europe/m"]}, FETCH, node, edges="fetch>sum", static="refuse")
    assert "it is sent to europe/m instead" in one.message


def test_demands_in_shadow_mode_refuse_nothing() -> None:
    node = ask("sum", "fetch.output", provider="america", model="m")
    assert len(check(EU | {"mode": "shadow"}, FETCH, node, edges="fetch>sum", static="refuse")) == 1


def test_a_demand_of_all_data_needs_no_class() -> None:
    node = ask("sum", "{{word}}", provider="america", model="m")
    (one,) = check({"residency": {"*": ["eu"]}}, node, edges="")
    assert "can send data to 'america/m'" in one.message


def test_an_agent_that_calls_a_tool_with_the_class_is_named_with_it() -> None:
    config = {"prompt_ref": "ask@1", "tools": ["people"], "inputs": {"word": "hi"}, "provider": "america", "model": "m"}
    (one,) = check(EU, {"id": "helper", "type": "agent", "config": config}, edges="")
    assert one.message.endswith("helper/people -> helper")


def test_the_way_leads_into_a_workflow_that_is_run() -> None:
    child = flow("kid", ask("sum", "{{person}}", provider="america", model="m"))
    parent = flow("top", FETCH, runs("kids", "kid", inputs={"person": "fetch.output"}), edges="fetch>kids")
    found = read_policy({"name": "ours", "effects": "allow", "compliance": EU})
    (one,) = FlowCheck("acme", "ours@1", found, TOOLS, TAKES, STATED).warnings(whole(parent, child))
    assert one.message.startswith("in workflow kid version 1, node 'sum' can send data of class 'pii' to 'america/m'")
    assert one.message.endswith(": fetch -> kids.person -> kids/sum")


def test_the_model_of_the_image_tool_is_looked_at() -> None:
    config = {"tool_name": "image_analyzer", "tool_args": {"image": "fetch.output"}}
    node = {"id": "look", "type": "tool", "config": config | {"tool_config": {"provider": "america", "model": "m"}}}
    found = check(EU, FETCH, node, edges="fetch>look")
    assert [one.path for one in found if "america/m" in one.message] == ["dag.nodes[1].config.tool_config.provider"]
