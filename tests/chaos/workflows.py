"""What is run: the scenarios in their shares, by several organisations, and the budgets and limits over them."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.local.system import ORG
from schemas.ids import HTTP_SOURCE, run_id
from tests.chaos.records import Expected, Limit
from tests.chaos.scenarios import agents, calls, children, flow, money, nodes, waiting
from tests.chaos.scenarios.scenario import Action, Case, Scenario

Json = dict[str, Any]
TOPIC_SOURCE = "urn:agentflow:chaos"
SCENARIOS: tuple[Scenario, ...] = (
    *calls.SCENARIOS,
    *flow.SCENARIOS,
    *waiting.SCENARIOS,
    *money.SCENARIOS,
    *children.SCENARIOS,
    *agents.SCENARIOS,
)
#: The organisations with their shares of the runs. The first is there; the others are made, each with a key of its own.
ORGS: Mapping[str, int] = {ORG: 70, "north": 20, "south": 10}
#: Of the first and the second organisation: of the 150 or 300 runs in flight some always stand in line.
MAX_RUNNING: Mapping[str, int] = {ORG: 200, "north": 12}
MAX_OF_WORKFLOW: Mapping[str, int] = {"chaos_pure": 5, "chaos_fetch": 6}
CAPPED = "chaos_capped"
#: Far over what can be spent: each call takes a hold on it, none is refused.
PLENTY_USD = 1_000
#: Out of a hundred runs, over the submissions topic instead of HTTP.
OVER_TOPIC = 30
#: Out of a hundred of those: a workflow that does not exist, which must become a dead letter.
BAD = 3
NOWHERE = "chaos_nowhere"


@dataclass(frozen=True, slots=True)
class Submission:
    """One run to be submitted. ``id`` with its way names the run, however often it is sent.

    ``bad`` is why its record must become a dead letter, empty for one that is right.
    """

    id: str
    org: str
    over_topic: bool
    structured: bool
    body: Json
    expected: Expected
    actions: tuple[Action, ...] = ()
    bad: str = ""

    @property
    def run_id(self) -> str:
        """The run's id, known before anybody was asked."""
        return _run_id(self.org, self.over_topic, self.id)


def submission(seed: int, number: int) -> Submission:
    """Return the run of this number; a seed's runs are the same every time."""
    chance = random.Random(f"run:{seed}:{number}")
    scenario = chance.choices(SCENARIOS, [one.share for one in SCENARIOS])[0]
    org = chance.choices(list(ORGS), list(ORGS.values()))[0]
    over_topic, structured = chance.random() * 100 < OVER_TOPIC, chance.random() < 0.5
    bad = over_topic and chance.random() * 100 < BAD
    made = scenario.make(Case(number, org, chance))
    body = {"workflow_name": NOWHERE if bad else scenario.name, "inputs": made.inputs} | made.more
    id_ = next(one for one in _ids(seed, number) if scenario.fits(_run_id(org, over_topic, one)))
    return Submission(id_, org, over_topic, structured, body, made.expected, made.actions, "not_found" if bad else "")


def _ids(seed: int, number: int) -> Iterator[str]:
    yield f"chaos-{seed}-{number}"
    for again in range(1_000_000):
        yield f"chaos-{seed}-{number}-{again}"


def _run_id(org: str, over_topic: bool, id_: str) -> str:
    return run_id(org, TOPIC_SOURCE if over_topic else HTTP_SOURCE, id_)


def is_limited(seed: int) -> bool:
    """Return whether runs have to wait for their turn: with every other seed, since where some do all do."""
    return seed % 2 == 1


def is_chained(seed: int) -> bool:
    """Return whether steps travel in chains: with two of four seeds."""
    return seed // 2 % 2 == 1


def budgets() -> list[Limit]:
    """Return the budgets of every organisation."""
    plenty = PLENTY_USD * 10**9
    return [
        Limit(org=org, most=most, name=name, scope=scope, target=target, period=period)
        for org in ORGS
        for name, scope, target, period, most in (
            ("plenty", "org", "", "month", plenty),
            ("daily", "model", nodes.MODEL_NAME, "day", plenty),
            ("cap", "workflow", CAPPED, "total", calls.CAP_NANO),
        )
    ]


def limits(seed: int) -> list[Limit]:
    """Return how many runs may run at once."""
    if not is_limited(seed):
        return []
    whole = [Limit(org=org, most=most) for org, most in MAX_RUNNING.items()]
    return whole + [Limit(org=ORG, most=most, target=name) for name, most in MAX_OF_WORKFLOW.items()]


def make_organisations(client: httpx.Client, key: str) -> dict[str, str]:
    """Make the organisations that are not there; return the key of each. Raises ``httpx.HTTPError``."""
    keys = {ORG: key}
    for org in ORGS:
        if org not in keys:
            answer = client.post("/api/v1/organisations", json={"id": org})
            keys[org] = answer.raise_for_status().json()["key"]["key"]
    return keys


def register(client: httpx.Client, org: str, *, limited: bool) -> None:
    """Register an organisation's prompts, workflows, budgets and limits. Raises ``httpx.HTTPError``."""
    for prompt in (nodes.PROMPT, agents.PROMPT):
        client.post("/api/v1/prompts", json=prompt).raise_for_status()
    for scenario in SCENARIOS:
        answer = client.post("/api/v1/workflows", json=scenario.document)
        if answer.is_error:
            raise httpx.HTTPStatusError(answer.text, request=answer.request, response=answer)
    for budget in budgets():
        if budget.org == org:
            body = {"name": budget.name, "scope": budget.scope, "period": budget.period}
            body |= {"limit_usd": f"{budget.most / 1e9:.9f}"} | ({"target": budget.target} if budget.target else {})
            client.post("/api/v1/budgets", json=body).raise_for_status()
    if limited and org in MAX_RUNNING:
        of_workflow = dict(MAX_OF_WORKFLOW) if org == ORG else {}
        body = {"max_running_runs": MAX_RUNNING[org], "workflows": of_workflow}
        client.put("/api/v1/limits", json=body).raise_for_status()
