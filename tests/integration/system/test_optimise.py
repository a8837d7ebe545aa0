"""``agentctl prompt optimise`` through the whole system: a hidden rule is found, once paid, within the budget."""

from collections.abc import Iterator

import httpx
import pytest

from bench.prove.rollouts.optimise import BUDGET_USD, Optimised, environment, optimise
from deploy.local.system import System

SEED = 3


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("optimise"), durable=False, env=environment()) as found:
        yield found


@pytest.fixture(scope="module")
def optimised(system: System, client: httpx.Client) -> Optimised:
    return Optimised(system, client, SEED)


def test_the_rule_is_found_and_becomes_a_version_with_its_lineage(optimised: Optimised) -> None:
    assert optimised.found, optimised.document
    assert (optimised.document["version"], optimised.parent) == (2, 1)
    assert f"{optimised.name}.candidates@" in optimised.message


def test_all_of_it_is_within_the_budget_and_what_the_command_says(optimised: Optimised) -> None:
    assert 0 < optimised.spent_usd <= BUDGET_USD
    assert f"{optimised.spent_usd:f}" == optimised.document["spent_usd"]


def test_no_request_and_no_candidate_has_a_held_out_case(optimised: Optimised) -> None:
    assert optimised.leaks == 0


def test_the_same_command_starts_no_run_again(system: System, optimised: Optimised) -> None:
    again = optimise(system, optimised.name, "--version", "1", "--budget", f"{BUDGET_USD:f}", "--seed", str(SEED))
    assert again["runs"] == optimised.document["runs"]
    assert again["version"] == optimised.document["version"]


def test_only_cases_that_there_are_can_be_asked(client: httpx.Client, optimised: Optimised) -> None:
    body = {"prompt": optimised.name, "dataset": optimised.name, "scorers": [{"kind": "exact"}], "only": ["w1", "none"]}
    answer = client.post("/api/v1/evaluations", json=body)
    assert (answer.status_code, "'none', which is no case" in answer.json()["detail"]) == (422, True)
    few = client.post("/api/v1/evaluations", json=body | {"only": ["w2", "w1"]}).raise_for_status().json()
    assert few["cases"] == 2
