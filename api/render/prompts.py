"""Prompts and their labels as the API shows them."""

from connectors.postgres.prompts import PromptLine
from connectors.postgres.prompts.labels import LabelMove, StoredLabel
from connectors.postgres.prompts.rows import StoredPrompt
from schemas.api_models.base import timestamp
from schemas.api_models.prompts.versions import (
    LabelAnswer,
    LabelMoveEntry,
    LabelPage,
    PromptAnswer,
    PromptEntry,
    PromptVersionEntry,
    PromptVersionPage,
)


def prompt(stored: StoredPrompt) -> PromptAnswer:
    """Return a version."""
    return PromptAnswer(
        id=f"{stored.name}@{stored.version}",
        name=stored.name,
        version=stored.version,
        template=stored.template,
        hash=stored.hash,
        variables=stored.variables,
        form=None if stored.form is None else stored.form.model_dump(mode="json", exclude_defaults=True),
        project=stored.project,
        author=stored.author,
        message=stored.message,
        parent=stored.parent,
        labels=list(stored.labels),
        created_at=timestamp(stored.created_ms),
        archived_at=timestamp(stored.archived_ms),
    )


def line(found: PromptLine) -> PromptEntry:
    """Return a prompt as lists show it."""
    return PromptEntry(
        name=found.name,
        version=found.version,
        versions=found.versions,
        hash=found.hash,
        created_at=timestamp(found.created_ms),
        project=found.project,
        labels=dict(found.labels or {}),
        archived_at=timestamp(found.archived_ms),
    )


def versions(found: list[StoredPrompt]) -> PromptVersionPage:
    """Return the versions of a prompt; there is at least one."""
    return PromptVersionPage(
        name=found[0].name,
        archived_at=timestamp(found[0].archived_ms),
        versions=[_version(one) for one in found],
    )


def label(name: str, stored: StoredLabel) -> LabelAnswer:
    """Return a label of the prompt ``name``."""
    return LabelAnswer(
        name=name,
        label=stored.label,
        version=stored.version,
        revision=stored.revision,
        moved_by=stored.moved_by,
        moved_at=timestamp(stored.moved_ms),
    )


def labels(name: str, stored: list[StoredLabel], moves: list[LabelMove]) -> LabelPage:
    """Return the labels of a prompt with their history."""
    return LabelPage(name=name, labels=[label(name, one) for one in stored], moves=[_move(one) for one in moves])


def _version(stored: StoredPrompt) -> PromptVersionEntry:
    return PromptVersionEntry(
        version=stored.version,
        hash=stored.hash,
        author=stored.author,
        message=stored.message,
        parent=stored.parent,
        labels=list(stored.labels),
        created_at=timestamp(stored.created_ms),
    )


def _move(one: LabelMove) -> LabelMoveEntry:
    return LabelMoveEntry(
        label=one.label,
        version=one.version,
        revision=one.revision,
        moved_by=one.moved_by,
        moved_at=timestamp(one.moved_ms),
    )
