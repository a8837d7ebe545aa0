"""Cases of runs: what is left out because a value of it is gone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.objects.store import LocalObjects
from connectors.postgres.history.runs import RunFilter, StoredRun, StoredStep
from schemas.errors import Conflict, InvalidInput
from schemas.records.run_events import Capture
from schemas.run_states import StepState
from schemas.spec.model import PinnedPrompt, ResolvedSpec, WorkflowSpec
from services.prompts.from_runs.cases import CasePorts, CasesOfRuns, WantedSteps
from services.prompts.from_runs.reading import Iterations
from tests.support.recorded_runs import GONE, INLINE, ORG, History

WANTED = WantedSteps(runs=RunFilter(workflow="flow"))


class NoPolicy:
    async def of(self, org_id: str) -> None:
        return None


def cases_of(history: Any, tmp_path: Path, capture: Capture = "full") -> CasesOfRuns:
    ports = CasePorts(
        history=history, definitions=history, objects=LocalObjects(tmp_path), active=NoPolicy(), capture=capture
    )
    return CasesOfRuns(ports)


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


@pytest.mark.parametrize("capture", ["redacted", "none"])
async def test_without_a_policy_nothing_is_copied_where_copies_are_limited(tmp_path: Path, capture: Capture) -> None:
    with pytest.raises(Conflict, match=f"CAPTURE is {capture}"):
        await cases_of(History(INLINE, inputs={"who": "Ada"}), tmp_path, capture).find(ORG, WANTED)


async def test_a_run_of_a_person_gives_no_row_erased_or_not(tmp_path: Path) -> None:
    history = History(INLINE, inputs={"who": "Ada"}, subject="sub_1")
    with pytest.raises(InvalidInput, match="1 left out: run has a data subject"):
        await cases_of(history, tmp_path).find(ORG, WANTED)


class LoopHistory(History):
    """A loop ``refine`` of a step ``draft`` that reads the input, the number and the output of the iteration before."""

    def __init__(self, *drafts: Any) -> None:
        super().__init__(INLINE, inputs={"who": "Ada"})
        self.drafts = drafts

    async def get(
        self, org_id: str, run_id: str, *, step_outputs: bool = False
    ) -> tuple[StoredRun, list[StoredStep]] | None:
        steps = [
            replace(
                self.step,
                step_id=f"refine~{number}/draft",
                node_id="draft",
                output=None if value is None else {"kind": "inline", "value": value},
                status="failed" if value is None else "succeeded",
            )
            for number, value in enumerate(self.drafts, 1)
        ]
        last = {"kind": "inline", "value": self.drafts[-1]}
        loop = replace(self.step, step_id="refine", node_id="refine", kind="loop", output=last)
        return self.run, [loop, *steps, self.step]

    async def of(self, org_id: str, run: StoredRun) -> ResolvedSpec | None:
        given = {"who": "{{who}}", "n": "loop.iteration", "before": "loop.previous"}
        draft = {"id": "draft", "type": "llm", "config": {"prompt_ref": "draft@1", "inputs": given}}
        loop = {"max_iterations": 5, "until": "loop.iteration == 3", "body": [draft]}
        ask = {"prompt_ref": "greet@1", "inputs": {"who": "refine.outputs"}}
        nodes = [{"id": "refine", "type": "loop", "config": loop}, {"id": "ask", "type": "llm", "config": ask}]
        dag = {"nodes": nodes, "edges": [{"from": "refine", "to": "ask"}]}
        spec = WorkflowSpec.model_validate({"name": "flow", "version": 1, "dag": dag})
        prompts = {
            "draft@1": PinnedPrompt(name="draft", version=1, template="{{who}} {{n}} {{before}}", hash="h"),
            "greet@1": PinnedPrompt(name="greet", version=1, template="Say hi to {{who}}", hash="h"),
        }
        return ResolvedSpec(spec=spec, prompts=prompts, hash="hash")


def in_loop(iterations: Iterations) -> WantedSteps:
    return WantedSteps(runs=RunFilter(workflow="flow"), node="draft", iterations=iterations)


async def test_of_a_loop_the_last_iteration_becomes_a_case_of_what_it_was_given(tmp_path: Path) -> None:
    found = await cases_of(LoopHistory("one", "two", "three"), tmp_path).find(ORG, in_loop("last"))
    assert [(one.id, one.inputs, one.expected, one.cluster) for one in found.cases] == [
        ("run_1:refine~3/draft", {"who": "Ada", "n": 3, "before": "two"}, "three", "")
    ]


async def test_of_a_loop_all_iterations_are_cases_of_one_cluster(tmp_path: Path) -> None:
    found = await cases_of(LoopHistory("one", "two"), tmp_path).find(ORG, in_loop("all"))
    assert [(one.inputs["n"], one.inputs["before"], one.expected, one.cluster) for one in found.cases] == [
        (1, None, "one", "run_1"),
        (2, "one", "two", "run_1"),
    ]


async def test_the_last_iteration_is_the_last_one_that_answered(tmp_path: Path) -> None:
    found = await cases_of(LoopHistory("one", None), tmp_path).find(ORG, in_loop("last"))
    assert [one.id for one in found.cases] == ["run_1:refine~1/draft"]


async def test_a_step_after_a_loop_is_given_the_outputs_of_all_iterations(tmp_path: Path) -> None:
    wanted = WantedSteps(runs=RunFilter(workflow="flow"), node="ask")
    found = await cases_of(LoopHistory("one", "two"), tmp_path).find(ORG, wanted)
    assert [one.inputs for one in found.cases] == [{"who": ["one", "two"]}]
