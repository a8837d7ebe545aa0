"""What an optimisation does by the API: variants are versions of a trial prompt, and each question is a run.

Every request that costs something has an idempotency key of what the search is and where it is. So the same command
goes the same way again, and pays nothing twice.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from agentflow import prompt_rules as rules
from agentflow.cli.api import at
from agentflow.cli.commands.prompts import PROMPTS
from agentflow.cli.commands.prompts.files import versions_of
from agentflow.cli.errors import BUDGET, USAGE, CliError
from agentflow.cli.follow import FIRST_S, GROWTH, LONGEST_S
from agentflow.cli.session import Session
from agentflow.cli.views.evaluations import EVALUATIONS
from agentflow.cli.views.runs import ENDED, RUNS
from agentflow.optimising.cases import Case
from agentflow.optimising.proposals import SCHEMA, Answered
from agentflow.optimising.search import OutOfBudget, Refused, Result

_NANO = 1_000_000_000
_PAGE = 100
#: Versions among which one with the same content is looked for.
_EARLIER = 200
_BUDGET_CODES = ("budget_exceeded", "run_budget_exceeded")


@dataclass(frozen=True)
class Asked:
    """What is asked: ``evaluation`` are fields of each evaluation, ``rewriter`` the model that rewrites."""

    trial: str
    dataset: str
    evaluation: Mapping[str, Any]
    rewriter: Mapping[str, Any]
    key: str


@dataclass
class ApiWorld:
    """The port of the search, by the API. ``runs`` are the ids of the runs that it started."""

    session: Session
    asked: Asked
    _count: int = 0
    runs: list[str] = field(default_factory=list)
    _known: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def version(self, body: Mapping[str, Any]) -> int:
        """See ``World``."""
        try:
            return int(self.stored({**body, "name": self.asked.trial})["version"])
        except CliError as exc:
            if exc.code != USAGE:
                raise
            raise Refused(exc.message) from exc

    def stored(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the version that says this: one that is there, else a new one. Raises ``CliError``."""
        name = str(body["name"])
        if name not in self._known:
            self._known[name] = versions_of(self.session, name, _EARLIER)
        about = ("message", "parent", "labels")
        try:
            prompt = rules.checked({key: value for key, value in body.items() if key not in about})
        except rules.InvalidSpec as exc:
            raise CliError(str(exc), "", USAGE) from exc
        # The server knows the newest version again, and no earlier one: another would be another evaluation.
        there = next((one for one in self._known[name] if rules.is_version(prompt, one)), None)
        return there or dict(self.session.send("POST", PROMPTS, dict(body)))

    def evaluate(self, version: int, cases: Sequence[Case], most_usd: Decimal, against: int | None = None) -> Result:
        """See ``World``."""
        body = {
            "prompt": self.asked.trial,
            "version": version,
            "dataset": self.asked.dataset,
            "only": [case.id for case in cases],
            "budget_cents": _cents(most_usd),
            **({} if against is None else {"against": against}),
            **self.asked.evaluation,
        }
        made = self._paid("POST", EVALUATIONS, body)
        self.runs.append(made["run_id"])
        found = self._until_ended(at(EVALUATIONS, made["id"]), "report")
        if found["state"] != "succeeded":
            raise _ended(f"evaluation {made['id']}", found["state"], found.get("error") or "")
        answered = self._answered(found["run_id"], cases) if against is None else []
        return _result(found, answered)

    def rewrite(self, questions: Sequence[str], most_usd: Decimal) -> tuple[Sequence[Any], Decimal]:
        """See ``World``."""
        document = _rewriting(self.asked.rewriter)
        self.session.send("POST", "/api/v1/workflows", document)
        body = {
            "workflow_name": document["name"],
            "workflow_version": document["version"],
            "inputs": {"questions": list(questions)},
            "budget_cents": _cents(most_usd),
            **{name: value for name, value in self.asked.evaluation.items() if name == "project"},
        }
        made = self._paid("POST", RUNS, body)
        self.runs.append(made["id"])
        run = self._until_ended(at(RUNS, made["id"]), "status")
        if run["status"] != "succeeded":
            error = run.get("error") or {}
            raise _ended(f"run {made['id']}", run["status"], f"{error.get('code')}: {error.get('message')}")
        outputs = [step.get("output") for step in self._steps(made["id"], "rewrite")]
        return outputs, Decimal(run["total_cost_usd"])

    def note(self, text: str) -> None:
        """See ``World``."""
        self.session.note(text)

    def _paid(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        self._count += 1
        key = hashlib.sha256(f"{self.asked.key}\0{self._count}".encode()).hexdigest()[:32]
        try:
            return self.session.send(method, path, dict(body), key=f"optimise-{key}")
        except CliError as exc:
            if exc.code != BUDGET and "budget" not in exc.message:
                raise
            raise OutOfBudget(exc.message) from exc

    def _until_ended(self, path: str, there: str) -> dict[str, Any]:
        pause = FIRST_S
        while True:
            found: dict[str, Any] = self.session.get(path)
            state = found.get("state") or found.get("status")
            if state in ENDED and (state != "succeeded" or found.get(there)):
                return found
            self.session.sleep(pause)
            pause = min(LONGEST_S, pause * GROWTH)

    def _answered(self, run_id: str, cases: Sequence[Case]) -> list[Answered]:
        """Return the answers to cases with their scores: the mean of what the scorers gave, by weight alike."""
        outputs = [step.get("output") for step in self._steps(run_id, "candidate_1")]
        scored: Mapping[str, Any] = next((step["output"] for step in self._steps(run_id, "scores")), {}) or {}
        marks: dict[str, list[float]] = {}
        for one in scored.get("scores", {}).get("candidate", ()):
            if one.get("score") is not None:
                marks.setdefault(one["case_id"], []).append(float(one["score"]))
        means = {case_id: sum(found) / len(found) for case_id, found in marks.items()}
        return [Answered(case, output, means.get(case.id)) for case, output in zip(cases, outputs, strict=False)]

    def _steps(self, run_id: str, node: str) -> list[dict[str, Any]]:
        """Return the steps of a node, children by their index; of a map without the map's own step."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self.session.get(at(RUNS, run_id, "steps"), node=node, outputs=True, limit=_PAGE, cursor=cursor)
            found += page["steps"]
            cursor = page.get("next_cursor")
            if cursor is None:
                break
        children = [step for step in found if step["id"].startswith(f"{node}[")]
        return children or [step for step in found if step["id"] == node]


def _rewriting(rewriter: Mapping[str, Any]) -> dict[str, Any]:
    """Return the workflow that asks the model that rewrites; one of another model has another name."""
    config = {
        "prompt": "{{question}}",
        "parallel": True,
        "items": "{{questions}}",
        "inputs": {"item": None, "index": None, "question": "{{item}}"},
        "on_child_error": "collect",
        "output_schema": dict(SCHEMA),
        "cache": {"enabled": False},
        **rewriter,
    }
    named = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]
    node = {"id": "rewrite", "type": "llm", "config": config}
    return {"name": f"optimise.rewrite-{named}", "version": 1, "dag": {"nodes": [node], "edges": []}}


def _result(found: Mapping[str, Any], answered: Sequence[Answered]) -> Result:
    report, cost = found["report"], Decimal(found["cost_usd"])
    by_version = {one["version"]: _version_result(found["id"], one, cost) for one in report["versions"]}
    mine = by_version.pop(str(found["version"]))
    return Result(
        id=mine.id,
        score=mine.score,
        answers=mine.answers,
        answers_usd=mine.answers_usd,
        cost_usd=cost,
        answered=answered,
        against=next(iter(by_version.values()), None),
        comparison=report.get("comparison"),
    )


def _version_result(evaluation_id: str, one: Mapping[str, Any], cost_usd: Decimal) -> Result:
    answers_usd = Decimal(one["cost"]["total"]) / _NANO
    return Result(evaluation_id, one["mean"], one["answers"], answers_usd, cost_usd)


def _cents(usd: Decimal) -> str:
    """Return what may be spent, in cents: never more than there is."""
    return format(usd * 100, "f")


def _ended(what: str, state: str, error: str) -> Exception:
    if error.partition(":")[0] in _BUDGET_CODES:
        return OutOfBudget(f"{what}: {error}")
    return CliError(f"{what} is {state}: {error}", "see the error; the same command continues where it ended")
