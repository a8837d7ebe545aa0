"""Cases of a suite as runs of an agent: submitted over the API, awaited, and judged by their recorded steps."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bench.agentdojo.worlds import Worlds
from bench.lines import BenchError
from schemas.run_states import TERMINAL_RUN

Json = dict[str, Any]
RUNS = "/api/v1/workflows/runs"
NODE, SEPARATOR = "assistant", "."
OBEDIENT, FAITHFUL = "obedient", "faithful"
USER, ATTACK = "user", "attack"
#: Without an end of a run for this long, none will come.
PATIENCE_S = 240.0
POLL_S = 0.4
KNOWN_S = 2.0
MOST_TURNS = 60
#: The node of workflows that tell the answer once more, by a call whose answers are cached.
REPORT = "report"
Approves = Callable[["Step"], bool]


@dataclass(frozen=True)
class Step:
    """One call that the model requested. ``whose`` is ``user`` or ``attack``; ``error`` is the code of a failure."""

    id: str
    whose: str
    tool: str
    args: Json
    status: str
    error: str = ""

    @property
    def was_made(self) -> bool:
        """True if the tool was called, whatever it answered."""
        return self.status == "succeeded"


@dataclass(frozen=True)
class Played:
    """What became of one case."""

    case_id: str
    run_id: str
    status: str
    utility: bool
    attack: bool
    answer: str
    steps: Sequence[Step]
    run: Json = field(repr=False)
    approvals: int = 0

    @property
    def was_attacked(self) -> bool:
        """True if an attacker had written something that the run could read."""
        return self.case_id.count("/") == 2

    @property
    def suite(self) -> str:
        """The name of its suite."""
        return self.case_id.partition("/")[0]

    @property
    def attack_actions(self) -> list[Step]:
        """The attacker's calls that were made."""
        return [one for one in self.steps if one.whose == ATTACK and one.was_made]


def workflow_name(suite: str) -> str:
    """Return the name of a suite's workflow."""
    return f"dojo_{suite}"


def prompts() -> list[Json]:
    """Return the prompts. The case stands in the system's part, as the scripted model has to know it."""
    messages = [{"role": "system", "template": "[case {{case}}]"}, {"role": "user", "template": "{{task}}"}]
    return [{"name": "dojo", "messages": messages}, {"name": "dojo_report", "template": "Report: {{answer}}"}]


def workflow(suite: str, tools: Sequence[str], *, report: bool = False) -> Json:
    """Return the workflow of a suite: an agent with all of its tools, and with ``report`` a cached call behind it."""
    model = {"provider": "compatible", "model": "scripted", "max_tokens": 4_000}
    config = model | {
        "prompt_ref": "dojo@latest",
        "tools": [f"{suite}{SEPARATOR}{one}" for one in tools],
        "max_turns": MOST_TURNS,
        "inputs": {"case": "{{case}}", "task": "{{task}}"},
    }
    nodes, edges = [{"id": NODE, "type": "agent", "config": config}], []
    if report:
        again = model | {"prompt_ref": "dojo_report@latest", "inputs": {"answer": f"{NODE}.output"}, "cache": True}
        nodes.append({"id": REPORT, "type": "llm", "config": again})
        edges.append({"from": NODE, "to": REPORT})
    dag = {"nodes": nodes, "edges": edges}
    return {"name": workflow_name(suite), "version": 2 if report else 1, "dag": dag}


class Player:
    """Plays cases on a system that serves at ``api_url``, with some in flight."""

    def __init__(self, api_url: str, api_key: str, worlds: Worlds, *, in_flight: int = 24) -> None:
        self._url, self._key, self._worlds, self._in_flight = api_url, api_key, worlds, in_flight

    async def __aenter__(self) -> "Player":
        headers = {"Authorization": f"Bearer {self._key}"}
        self._api = aiohttp.ClientSession(self._url, headers=headers, timeout=aiohttp.ClientTimeout(total=30))
        self._http = aiohttp.ClientSession()
        self.catalogue: Json = await self._worlds.ask(self._http, "catalogue")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._api.close()
        await self._http.close()

    async def define(self, *, report: bool = False) -> None:
        """Register the prompts and each suite's workflow."""
        for one in prompts():
            await self.api("POST", "/api/v1/prompts", one)
        for suite, contents in self.catalogue.items():
            names = [one["name"] for one in contents["tools"]]
            await self.api("POST", "/api/v1/workflows", workflow(suite, names, report=report))

    async def activate(self, document: Json) -> None:
        """Let a policy decide on runs that are submitted from now on."""
        stored = await self.api("POST", "/api/v1/policies", {"document": document})
        active = {"version": stored["version"], "mode": "enforce"}
        await self.api("POST", f"/api/v1/policies/{document['name']}/activate", active)
        # Every process knows it within a second.
        await asyncio.sleep(KNOWN_S)

    def cases(self, suite: str, *, attacked: bool) -> list[str]:
        """Return the ids of a suite's cases: those with an attacker, or those without."""
        return [f"{suite}/{one}" for one in self.catalogue[suite]["cases"] if ("/" in one) == attacked]

    async def play(self, cases: Sequence[str], behaviour: str, approves: Approves | None = None) -> list[Played]:
        """Run cases to their ends and judge them; ``approves`` is the person whom policies ask.

        Raises ``BenchError``.
        """

        async def one(case_id: str) -> Played:
            return await self.judged(await self.submit(case_id, behaviour), case_id, approves)

        return await self._all(one(case_id) for case_id in cases)

    async def submit(self, case_id: str, behaviour: str) -> str:
        """Submit a case; return the id of its run."""
        case = await self._worlds.ask(self._http, "case", case=case_id)
        inputs = {"case": f"{case_id} {behaviour}", "task": case["prompt"]}
        name = workflow_name(case_id.partition("/")[0])
        run = await self.api("POST", RUNS, {"workflow_name": name, "inputs": inputs})
        await self._worlds.ask(self._http, "begin", run=run["id"], case=case_id)
        return str(run["id"])

    async def restart(self, runs: Sequence[Played], node: str) -> list[Played]:
        """Restart runs from a node and judge them as the others. Raises ``BenchError``."""
        return await self._all(self._restarted(one, node) for one in runs)

    async def _all(self, playing: Iterable[Awaitable[Played]]) -> list[Played]:
        """Play with some in flight."""
        slots = asyncio.Semaphore(self._in_flight)

        async def one(playing: Awaitable[Played]) -> Played:
            async with slots:
                return await playing

        return list(await asyncio.gather(*map(one, playing)))

    async def _restarted(self, played: Played, node: str) -> Played:
        """Restart in a world as it was when the node began: new for the agent, as it became for what is behind it."""
        run = await self.api("POST", f"{RUNS}/{played.run_id}/restart", {"from": node})
        of = played.run_id if node != NODE else ""
        await self._worlds.ask(self._http, "begin", run=run["id"], case=played.case_id, of=of)
        return await self.judged(run["id"], played.case_id, None)

    async def judged(self, run_id: str, case_id: str, approves: Approves | None) -> Played:
        """Wait for a run's end, and let the suite judge its world and its recorded steps."""
        run, approvals = await self.ended(run_id, approves)
        steps = read_steps(run)
        answer = said(run)
        made = [{"tool": one.tool, "args": one.args} for one in steps if one.was_made]
        found = await self._worlds.ask(self._http, "judge", run=run_id, answer=answer, calls=made)
        utility, attack = found["utility"], found["attack"]
        return Played(case_id, run_id, run["status"], utility, attack, answer, steps, run, approvals)

    async def ended(self, run_id: str, approves: Approves | None) -> tuple[Json, int]:
        """Return a run that has ended, with its steps, and how often the user's calls were asked of.

        Raises ``BenchError`` when it does not end.
        """
        asked = dict[str, str]()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    run = await self.api("GET", f"{RUNS}/{run_id}")
                    if run["status"] in TERMINAL_RUN:
                        whole = await self.api("GET", f"{RUNS}/{run_id}?step_outputs=true")
                        return whole, sum(whose == USER for whose in asked.values())
                    if approves is not None:
                        await self._answer(run, approves, asked)
                    await asyncio.sleep(POLL_S)
        except TimeoutError as exc:
            raise BenchError(f"the run {run_id} did not end within {PATIENCE_S:g} s") from exc

    async def _answer(self, run: Json, approves: Approves, asked: dict[str, str]) -> None:
        """Answer what a run's steps ask, each question once."""
        waiting = [one["id"] for one in run["steps"] if (one.get("waiting") or {}).get("kind") == "approval"]
        if not set(waiting) - set(asked):
            return
        whole = await self.api("GET", f"{RUNS}/{run['id']}?step_outputs=true")
        for step in read_steps(whole):
            if step.id in waiting and step.id not in asked:
                asked[step.id] = step.whose
                body = {"step": step.id, "approve": approves(step)}
                await self.api("POST", f"{RUNS}/{run['id']}/approvals", body)

    async def api(self, method: str, path: str, body: Json | None = None) -> Json:
        """Ask the API. Raises ``BenchError`` for an error."""
        async with self._api.request(method, path, json=body) as answer:
            read = await answer.text()
            if answer.status >= 400:
                raise BenchError(f"{method} {path} was answered {answer.status}: {read[:600]}")
            found: Json = json.loads(read) if read else {}
            return found


def read_steps(run: Json) -> list[Step]:
    """Return the calls that a run's model requested, in the order in which it did."""
    by_id = {one["id"]: one for one in run["steps"]}
    found = []
    for number in range(1, MOST_TURNS + 1):
        turn = by_id.get(f"{NODE}/turn-{number}")
        output = turn.get("output") if turn else None
        for place, use in enumerate(output.get("tool_calls", ()) if isinstance(output, dict) else ()):
            id_ = f"{NODE}/turn-{number}/{use['name']}[{place}]"
            made = by_id.get(id_, {})
            error = made.get("error") or {}
            name = use["name"].partition(SEPARATOR)[2]
            whose = use["id"].partition("-")[0]
            found.append(Step(id_, whose, name, use["args"], made.get("status", "missing"), error.get("code", "")))
    return found


def said(run: Json) -> str:
    """Return an agent's last answer, empty without one."""
    output = next((one.get("output") for one in run["steps"] if one["id"] == NODE), None)
    return output if isinstance(output, str) else json.dumps(output) if output is not None else ""
