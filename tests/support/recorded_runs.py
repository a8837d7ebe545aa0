"""Runs as history has them, for what makes datasets of runs."""

from typing import Any

from connectors.postgres.history.runs import RunFilter, StoredRun, StoredStep
from schemas.spec.model import PinnedPrompt, ResolvedSpec, WorkflowSpec

ORG, SHA256 = "acme", "0" * 64
GONE = {"kind": "reference", "uri": f"objects:///{ORG}/{SHA256}", "sha256": SHA256, "size": 70_000}
INLINE = {"kind": "inline", "value": "Hi Ada"}


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
