"""Cases of runs: what is left out because a value of it is gone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.objects.store import LocalObjects
from connectors.postgres.history.runs import RunFilter, StoredRun, StoredStep
from schemas.errors import InvalidInput
from schemas.run_states import StepState
from schemas.spec.model import PinnedPrompt, ResolvedSpec, WorkflowSpec
from services.prompts.evaluations.from_runs import CasesOfRuns, WantedSteps

ORG, SHA256 = "acme", "0" * 64
GONE = {"kind": "reference", "uri": f"objects:///{ORG}/{SHA256}", "sha256": SHA256, "size": 70_000}
INLINE = {"kind": "inline", "value": "Hi Ada"}
WANTED = WantedSteps(runs=RunFilter(workflow="flow"))


class History:
    """One run with one step, in the places of ``Runs`` and ``RunDefinitions``."""

    def __init__(self, output: dict[str, Any], **inputs: Any) -> None:
        usage = {"input_tokens": 0, "output_tokens": 0, "cost_nano": 0}
        times = {"started_ms": 0, "finished_ms": 0}
        self.run = StoredRun(
            **{**usage, **times, **inputs},
            id="run_1",
            workflow_name="flow",
            workflow_version=1,
            status="succeeded",
            tags={},
            error=None,
            created_ms=0,
            spec_hash="hash",
            source="api",
            submission_id=None,
            output=None,
            output_in_steps=[],
            budget_nano=None,
            trace_id="t",
        )
        self.step = StoredStep(
            **{**usage, **times},
            step_id="ask",
            node_id="ask",
            kind="llm",
            status="succeeded",
            attempt=1,
            error=None,
            provider="p",
            model="m",
            cached=False,
            waiting_for=None,
            waiting_until_ms=None,
            note=None,
            output=output,
        )

    async def page(self, org_id: str, wanted: RunFilter) -> tuple[list[StoredRun], None]:
        return [self.run], None

    async def get(
        self, org_id: str, run_id: str, *, step_outputs: bool = False
    ) -> tuple[StoredRun, list[StoredStep]] | None:
        return self.run, [self.step]

    async def of(self, org_id: str, run: StoredRun) -> ResolvedSpec | None:
        node = {"id": "ask", "type": "llm", "config": {"prompt_ref": "greet@1"}}
        spec = WorkflowSpec.model_validate({"name": "flow", "version": 1, "dag": {"nodes": [node], "edges": []}})
        prompt = PinnedPrompt(name="greet", version=1, template="Say hi to {{who}}", hash="h")
        return ResolvedSpec(spec=spec, prompts={"greet@1": prompt}, hash="hash")


def cases_of(history: Any, tmp_path: Path) -> CasesOfRuns:
    return CasesOfRuns(history, history, LocalObjects(tmp_path), "full")


async def test_a_step_becomes_a_case_of_its_inputs_and_its_output(tmp_path: Path) -> None:
    found = await cases_of(History(INLINE, inputs={"who": "Ada"}), tmp_path).find(ORG, WANTED)
    assert [(one.inputs, one.expected) for one in found.cases] == [({"who": "Ada"}, "Hi Ada")]


@pytest.mark.parametrize(
    "history",
    [
        History(INLINE, inputs={"who": None}, stored_inputs={"who": GONE}),
        History(GONE, inputs={"who": "Ada"}),
    ],
    ids=["input", "output"],
)
async def test_a_step_with_a_value_that_is_gone_is_left_out_and_no_case_with_null(
    history: History, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="1 left out: value is not in history"):
        await cases_of(history, tmp_path).find(ORG, WANTED)


class MappedHistory(History):
    """A mapped node ``split`` whose children are joined by a step ``ask``."""

    def __init__(self, on_child_error: str, *children: StoredStep) -> None:
        super().__init__(INLINE, inputs={})
        self.on_child_error, self.children = on_child_error, children

    async def get(
        self, org_id: str, run_id: str, *, step_outputs: bool = False
    ) -> tuple[StoredRun, list[StoredStep]] | None:
        parent = replace(
            self.step, step_id="split", node_id="split", kind="function", output=None, children_total=len(self.children)
        )
        return self.run, [self.step, parent, *self.children]

    async def of(self, org_id: str, run: StoredRun) -> ResolvedSpec | None:
        split = {"function_name": "f", "parallel": True, "items": [1, 2, 3], "on_child_error": self.on_child_error}
        ask = {"prompt_ref": "greet@1", "inputs": {"who": "split.output"}}
        nodes = [{"id": "split", "type": "function", "config": split}, {"id": "ask", "type": "llm", "config": ask}]
        dag = {"nodes": nodes, "edges": [{"from": "split", "to": "ask"}]}
        spec = WorkflowSpec.model_validate({"name": "flow", "version": 1, "dag": dag})
        prompt = PinnedPrompt(name="greet", version=1, template="Say hi to {{who}}", hash="h")
        return ResolvedSpec(spec=spec, prompts={"greet@1": prompt}, hash="hash")


def child(index: int, output: dict[str, Any] | None, status: StepState = "succeeded") -> StoredStep:
    error = {"code": "boom", "message": "broke", "retryable": False} if status == "failed" else None
    step = History(INLINE, inputs={}).step
    named = {"step_id": f"split[{index}]", "node_id": "split", "child_index": index}
    return replace(step, **named, status=status, error=error, output=output)


@pytest.mark.parametrize(
    ("on_child_error", "expected"),
    [("skip", ["a", "c"]), ("collect", ["a", {"error": {"code": "boom", "message": "broke"}}, "c"])],
)
async def test_a_list_of_a_mapped_node_is_as_the_run_joined_it(
    tmp_path: Path, on_child_error: str, expected: list[Any]
) -> None:
    first, last = ({"kind": "inline", "value": value} for value in "ac")
    history = MappedHistory(on_child_error, child(0, first), child(1, None, "failed"), child(2, last))
    found = await cases_of(history, tmp_path).find(ORG, WANTED)
    assert [one.inputs for one in found.cases] == [{"who": expected}]


async def test_a_list_that_has_lost_an_output_is_left_out(tmp_path: Path) -> None:
    history = MappedHistory("skip", child(0, INLINE), child(1, None), child(2, INLINE))
    with pytest.raises(InvalidInput, match="1 left out: value is not in history"):
        await cases_of(history, tmp_path).find(ORG, WANTED)
