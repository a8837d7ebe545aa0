"""Stores and a log in memory for live scoring, and processes that die between two steps."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.objects.store import LocalObjects
from connectors.ports.engine import OutRecord
from connectors.postgres.history.runs import StoredRun, StoredStep
from connectors.postgres.live_scores import DueRun, LiveScore
from connectors.postgres.prompts.scoring import ScoringPolicy
from schemas.prompts.evaluations import ScorerSpec
from schemas.records.run_events import Capture
from schemas.spec.model import PinnedPrompt, ResolvedSpec, WorkflowSpec
from services.prompts.live.judging import Judging
from services.prompts.live.ports import LivePorts
from services.prompts.live.scoring import LiveScoring
from topics.catalogue import QUALITY_SCORES

ORG, RUN = "acme", "run_1"
GREETS = ScorerSpec(kind="contains", options={"values": ["Hi"]})
FAST = ScorerSpec(kind="latency", options={"limit_ms": 100}, weight=3)


class Killed(BaseException):
    """The process dies here."""


class Deaths:
    """Lets the process die before or after its step of a number; without one never."""

    def __init__(self, at: int | None = None, *, after: bool = False) -> None:
        self.at, self.after, self.step = at, after, 0

    def pass_before(self) -> None:
        self.step += 1
        if self.step == self.at and not self.after:
            raise Killed

    def pass_after(self) -> None:
        if self.step == self.at and self.after:
            raise Killed


class World:
    """Stores and a log in memory, which outlive processes. A lease of a dead process is over at once."""

    def __init__(self, tmp_path: Path, *specs: ScorerSpec, **policy: Any) -> None:
        self.deaths = Deaths()
        self.shadows: Any = None
        self.judging: Judging | None = None
        self.now_ms = 0
        self.due = [DueRun(ORG, RUN)]
        self.stored: dict[tuple[str, str], LiveScore] = {}
        self.sent: list[OutRecord] = []
        self.series: list[OutRecord] = []
        self.counts: Counter[str] = Counter()
        self.policies = {"greet": ScoringPolicy(name="greet", sample=1, scorers=list(specs or (GREETS,)), **policy)}
        self.run, self.steps, self.spec = a_run(), [a_step()], a_spec()
        self.objects = LocalObjects(tmp_path)

    async def lease(self, lease_s: float, limit: int) -> Sequence[DueRun]:
        self.deaths.pass_before()
        found = self.due[:limit]
        self.deaths.pass_after()
        return found

    async def add(self, org_id: str, scores: Sequence[LiveScore]) -> None:
        self.deaths.pass_before()
        for one in scores:
            self.stored.setdefault((one.call, one.scorer), replace(one, scored_ms=7))
        self.deaths.pass_after()

    async def of_run(self, org_id: str, run_id: str) -> Sequence[LiveScore]:
        return [one for one in self.stored.values() if one.run_id == run_id]

    async def settle(self, due: DueRun) -> None:
        self.deaths.pass_before()
        self.due.remove(due)
        self.deaths.pass_after()

    async def append(self, records: Sequence[OutRecord]) -> None:
        self.deaths.pass_before()
        self.sent += [record for record in records if record.topic != QUALITY_SCORES]
        self.series += [record for record in records if record.topic == QUALITY_SCORES]
        self.deaths.pass_after()

    async def of_org(self, org_id: str) -> dict[str, ScoringPolicy]:
        return self.policies

    async def get(
        self, org_id: str, run_id: str, *, step_outputs: bool = False
    ) -> tuple[StoredRun, list[StoredStep]] | None:
        return self.run, self.steps

    async def of(self, org_id: str, run: StoredRun) -> ResolvedSpec | None:
        return self.spec

    def count(self, outcome: str) -> None:
        self.counts[outcome] += 1

    async def work(self, capture: Capture = "full") -> int:
        """Work as a process that starts now."""
        ports = LivePorts(
            policies=self,
            store=self,
            history=self,
            definitions=self,
            objects=self.objects,
            appender=self,
            count=self.count,
            capture=capture,
            shadows=self.shadows,
            judging=self.judging,
            now_ms=lambda: self.now_ms,
        )
        return await LiveScoring(ports).work()

    def scores(self) -> dict[str, float | None]:
        return {one.scorer: one.score for one in self.stored.values()}


def a_run(**fields: Any) -> StoredRun:
    base: dict[str, Any] = {
        "id": RUN,
        "workflow_name": "flow",
        "workflow_version": 1,
        "status": "succeeded",
        "tags": {"agentflow.project": "shop"},
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_nano": 0,
        "error": None,
        "created_ms": 0,
        "started_ms": 0,
        "finished_ms": 0,
        "spec_hash": "hash",
        "source": "api",
        "submission_id": None,
        "inputs": {},
        "output": None,
        "output_in_steps": [],
        "budget_nano": None,
        "trace_id": "t",
    }
    return StoredRun(**base | fields)


def a_step(**fields: Any) -> StoredStep:
    base: dict[str, Any] = {
        "step_id": "ask",
        "node_id": "ask",
        "kind": "llm",
        "status": "succeeded",
        "attempt": 2,
        "error": None,
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_nano": 5,
        "provider": "p",
        "model": "m",
        "cached": False,
        "waiting_for": None,
        "waiting_until_ms": None,
        "note": None,
        "started_ms": 1_000,
        "finished_ms": 1_050,
        "output": {"kind": "inline", "value": "Hi Ada"},
    }
    return StoredStep(**base | fields)


def a_spec(policy: dict[str, Any] | None = None, ref: str = "greet@3") -> ResolvedSpec:
    ask = {
        "id": "ask",
        "type": "llm",
        "config": {"prompt_ref": ref},
        "policy": {"quality": "gold", "route": {"by": "learn"}} if policy is None else policy,
    }
    spec = WorkflowSpec.model_validate({"name": "flow", "version": 1, "dag": {"nodes": [ask], "edges": []}})
    prompt = PinnedPrompt(name="greet", version=3, template="Hi", hash="h")
    return ResolvedSpec(spec=spec, prompts={ref: prompt}, hash="hash")
