"""Workflows as the API shows them: registered ones, and those of a dry run."""

from collections.abc import Iterable

from connectors.postgres.workflows import StoredWorkflow, document_hash
from schemas.api_models.base import timestamp
from schemas.api_models.definitions import InlinePromptAnswer, WorkflowAnswer, WorkflowDryRun
from schemas.api_models.problem import ProblemPart
from schemas.errors import Problem
from schemas.spec.check.workflow import queues_of
from services.workflows.registration import Draft


def workflow(stored: StoredWorkflow, warnings: Iterable[Problem] = ()) -> WorkflowAnswer:
    """Return a registered version."""
    return WorkflowAnswer(
        name=stored.name,
        version=stored.version,
        hash=stored.hash,
        required_inputs=stored.required_inputs,
        created_at=timestamp(stored.created_ms),
        spec=stored.spec,
        warnings=_parts(warnings),
    )


def dry_run(draft: Draft) -> WorkflowDryRun:
    """Return what a registration would store."""
    plan, spec = draft.plan, draft.spec
    return WorkflowDryRun(
        name=spec.name,
        version=spec.version,
        new=draft.there is None,
        hash=document_hash(spec),
        required_inputs=sorted(plan.required),
        known_inputs=None if plan.known is None else sorted(plan.known),
        prompts=[
            InlinePromptAnswer(node=node, id=f"{one.name}@{version}", hash=one.hash)
            for node, (one, version) in draft.inline.items()
        ],
        workflows=sorted(plan.resolved.children),
        queues=sorted(queues_of(spec)),
        warnings=_parts(draft.warnings),
        spec=spec.model_dump(mode="json", by_alias=True, exclude_unset=True),
    )


def _parts(problems: Iterable[Problem]) -> list[ProblemPart]:
    return [ProblemPart(path=one.path, message=one.message, fix=one.fix) for one in problems]
