"""The rows of versions of prompts: what is stored, what comes back, and when two say the same."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import asyncpg

from connectors.postgres.database import Connection, epoch_ms
from schemas.ids import content_hash
from schemas.prompts.form import PLAIN, PromptForm, form_hash
from schemas.spec.model import PinnedPrompt

COLUMNS = (
    "name, version, template, hash, variables, form, project, author, message, parent, "
    f"{epoch_ms('created_at')} AS created_ms, {epoch_ms('archived_at')} AS archived_ms, "
    "ARRAY(SELECT label FROM prompt_label WHERE prompt_label.org_id = prompt.org_id "
    "AND prompt_label.name = prompt.name AND prompt_label.version = prompt.version ORDER BY label) AS labels"
)
#: What all versions of one prompt have in common.
HEAD = "max(version) AS newest, max(project) AS project, max(archived_at) IS NOT NULL AS archived"


@dataclass(frozen=True)
class NewPrompt:
    """A version to be stored. ``variables`` is the schema of the values as it was written, ``project`` its owner.

    ``author`` is the id of a key. Without ``parent`` that is the newest version of before.
    """

    name: str
    template: str
    form: PromptForm | None = None
    variables: dict[str, Any] | None = None
    version: int | None = None
    project: str | None = None
    author: str = ""
    message: str = ""
    parent: int | None = None

    @cached_property
    def hash(self) -> str:
        """The hash of all that changes a request."""
        return form_hash(self.template, self.form)


@dataclass(frozen=True)
class StoredPrompt:
    """One version of a prompt. ``hash`` covers its text and its form; ``form`` is ``None`` where it is a text alone."""

    name: str
    version: int
    template: str
    hash: str
    variables: dict[str, Any] | None
    created_ms: int
    form: PromptForm | None = None
    project: str | None = None
    author: str = ""
    message: str = ""
    parent: int | None = None
    archived_ms: int | None = None
    labels: tuple[str, ...] = ()

    @property
    def pinned(self) -> PinnedPrompt:
        """The version as a run uses it."""
        return PinnedPrompt(
            name=self.name, version=self.version, template=self.template, hash=self.hash, form=self.form
        )

    def body(self) -> dict[str, Any]:
        """Return the document of its definition; what is empty is left out."""
        body: dict[str, Any] = {"name": self.name, "version": self.version, "template": self.template}
        more = {"form": stored_form(self.form), "project": self.project, "archived": self.archived_ms is not None}
        return body | {"hash": self.hash} | {name: value for name, value in more.items() if value}


@dataclass(frozen=True, slots=True)
class Head:
    """What all versions of a prompt have in common, and the newest version."""

    newest: int
    project: str | None
    archived: bool


def prompt_of(row: asyncpg.Record) -> StoredPrompt:
    """Return a version of a row with ``COLUMNS``."""
    fields = {name: value for name, value in row.items() if name != "n"}
    form = fields.pop("form")
    labels = tuple(fields.pop("labels"))
    return StoredPrompt(**fields, labels=labels, form=None if form is None else PromptForm.model_validate(form))


def stored_form(form: PromptForm | None) -> dict[str, Any] | None:
    """Return a form as it is stored: nothing for a text alone."""
    return None if form is None or form == PLAIN else form.model_dump(mode="json", exclude_defaults=True)


def is_same(there: StoredPrompt, new: NewPrompt) -> bool:
    """Return true if a stored version says what a new one would say.

    A version of before there were forms has a schema that was not enforced: the same request finds it again.
    """
    if there.variables != new.variables:
        return False
    if there.hash == new.hash:
        return True
    form = new.form
    of_before = there.form is None and there.hash == content_hash(new.template.encode())
    return of_before and form is not None and form.model_copy(update={"input_schema": None}) == PLAIN


async def lock_prompt(conn: Connection, org_id: str, name: str) -> None:
    """Let one transaction at a time change a prompt: its versions are numbered consecutively, its labels in order."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"prompt:{org_id}:{name}")
