"""The use cases of the registry: versions are checked and composed before they are stored.

    1. check    the templates, the schemas and the dialect; nothing is written
    2. resolve  the parts that they name now, and only those that the caller may use
    3. store    the version, then the labels that shall name it

A crash after the version is stored leaves the labels where they were; the same request finds the version and moves
them.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from connectors.postgres.organisations import Organisations
from connectors.postgres.prompts.labels import PromptLabels
from connectors.postgres.prompts.rows import NewPrompt, StoredPrompt
from connectors.postgres.prompts.versions import PromptLine, Prompts
from schemas.errors import Conflict, Forbidden, InvalidInput, NotFound, Problem
from schemas.prompts.form import PLAIN, PromptForm
from schemas.prompts.input_schemas import input_schema_of, schema_of
from schemas.prompts.refs import PromptRef, parse_prompt_ref
from schemas.scopes import EVERYTHING, Scopes
from schemas.spec.check.texts import prompt_problems
from schemas.spec.model import PinnedPrompt
from schemas.templates import Dialect
from schemas.values.json_schemas import schema_problems
from services.prompts.registry.composition import Composed, Written, compose, direct_refs


@dataclass(frozen=True, slots=True)
class Author:
    """Who asks: the id of a key, the project that it is limited to, and its scopes."""

    key_id: str
    project: str | None = None
    scopes: Scopes = EVERYTHING

    def sees(self, project: str | None) -> bool:
        """Return whether a prompt of this project is there for the author."""
        return self.project is None or project in (None, self.project)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A version as it is written. ``schema`` is that of the values, in any of its forms; ``form`` has no parts."""

    name: str
    template: str
    form: PromptForm
    schema: dict[str, Any] | None = None
    version: int | None = None
    project: str | None = None
    message: str = ""
    parent: int | None = None
    labels: Sequence[str] = ()

    @property
    def texts(self) -> list[Written]:
        """The templates, each at its place in the request."""
        messages = [Written(f"messages[{n}].template", one.template) for n, one in enumerate(self.form.messages)]
        return messages or [Written("template", self.template)]


class PromptRegistry:
    """Prompts of organisations. Every method raises ``Unavailable``; a prompt of another project is ``NotFound``."""

    def __init__(self, prompts: Prompts, labels: PromptLabels, organisations: Organisations) -> None:
        self.labels = labels
        self._prompts = prompts
        self._organisations = organisations

    async def create(self, org_id: str, draft: Draft, author: Author) -> tuple[StoredPrompt, bool]:
        """Store a version; return it, and true if it is new.

        Raises ``InvalidInput`` with every problem, ``Forbidden`` for a part outside of the author's scopes, and as
        ``Prompts.create`` and ``PromptLabels.move`` do.
        """
        await self._require_dialect(org_id, draft.form.dialect)
        form = _with_schemas(draft)
        if problems := tuple(_problems(draft, form)):
            raise InvalidInput.of(*problems)
        if draft.labels:
            with suppress(NotFound):
                await self.require_owned(org_id, draft.name, author)
        composed = await self._composed(org_id, draft, author)
        form = form.model_copy(update={"refs": composed.refs, "parts": composed.parts})
        stored, is_new = await self._prompts.create(org_id, _new(draft, form, author), author.project)
        if set(draft.labels) - set(stored.labels):
            await self.labels.set_all(org_id, draft.name, draft.labels, stored.version, author.key_id)
            stored = await self._prompts.get(org_id, PromptRef(draft.name, stored.version))
        return stored, is_new

    async def get(self, org_id: str, ref: PromptRef, author: Author) -> StoredPrompt:
        """Return the version that a reference names, also of an archived prompt. Raises ``NotFound``."""
        found = await self._prompts.get(org_id, ref)
        if not author.sees(found.project):
            raise NotFound(f"there is no prompt {ref}; create it with POST /api/v1/prompts")
        return found

    async def all(self, org_id: str, author: Author, *, archived: bool) -> list[PromptLine]:
        """Return the newest versions of the prompts that an author may see."""
        lines = await self._prompts.all(org_id, archived=archived)
        return [one for one in lines if author.scopes.allow("prompt", one.name) and author.sees(one.project)]

    async def versions(self, org_id: str, name: str, author: Author) -> list[StoredPrompt]:
        """Return the versions of a prompt, the newest first. Raises ``NotFound``."""
        await self.get(org_id, PromptRef(name), author)
        return await self._prompts.versions(org_id, name)

    async def require_owned(self, org_id: str, name: str, author: Author) -> None:
        """Raise ``Forbidden`` when a key of a project would change what all projects use, and ``NotFound``."""
        found = await self.get(org_id, PromptRef(name), author)
        if author.project is not None and found.project is None:
            raise Forbidden(f"prompt {name} belongs to the whole organisation; use a key that is of no project")

    async def archive(self, org_id: str, name: str, author: Author, *, force: bool) -> StoredPrompt:
        """Archive a prompt. Without ``force`` it raises ``Conflict`` with the workflows that name it."""
        await self.require_owned(org_id, name, author)
        if not force and (workflows := await self._prompts.named_by(org_id, name)):
            raise Conflict(
                f"prompt {name} is named by {', '.join(workflows[:10])}{' and others' * (len(workflows) > 10)}, which "
                "could not be submitted then; register them with another prompt, or send force=true"
            )
        return await self._prompts.archive(org_id, name, archived=True)

    async def restore(self, org_id: str, name: str, author: Author) -> StoredPrompt:
        """Restore an archived prompt. Raises ``NotFound``."""
        await self.require_owned(org_id, name, author)
        return await self._prompts.archive(org_id, name, archived=False)

    async def _composed(self, org_id: str, draft: Draft, author: Author) -> Composed:
        refs = direct_refs(draft.texts, draft.form.dialect)
        found = await self._parts(org_id, refs, author) if refs else {}
        return compose(draft.name, draft.texts, draft.form.dialect, found)

    async def _parts(self, org_id: str, refs: Sequence[str], author: Author) -> dict[str, PinnedPrompt]:
        """Return the prompts that references name now, without those that the author cannot see."""
        wanted = _parsed(refs)
        for one in wanted.values():
            if not author.scopes.allow("prompt", one.name):
                raise Forbidden(f"this key is limited to {author.scopes}; prompt {one.name} is not part of that")
        stored = await self._prompts.find(org_id, list(wanted.values()))
        found = {ref: one for ref, one in zip(wanted, stored, strict=True) if one and author.sees(one.project)}
        if problems := tuple(_archived(ref, one.name) for ref, one in found.items() if one.archived_ms is not None):
            raise InvalidInput.of(*problems)
        return {ref: one.pinned for ref, one in found.items()}

    async def _require_dialect(self, org_id: str, dialect: Dialect) -> None:
        """Raise ``InvalidInput`` for Jinja in an organisation that does not allow it; nothing of it is compiled."""
        if dialect != "jinja" or (await self._organisations.get(org_id)).jinja_prompts:
            return
        said = "this organisation allows no Jinja in prompts"
        fix = (
            "write the dialect agentflow or mustache, or let the platform's admin set jinja_prompts of the organisation"
        )
        problem = Problem("dialect", said, fix)
        raise InvalidInput.of(problem)


def _new(draft: Draft, form: PromptForm, author: Author) -> NewPrompt:
    return NewPrompt(
        name=draft.name,
        template=draft.template,
        form=None if form == PLAIN else form,
        variables=draft.schema,
        version=draft.version,
        project=draft.project,
        author=author.key_id,
        message=draft.message,
        parent=draft.parent,
    )


def _with_schemas(draft: Draft) -> PromptForm:
    """Return the form with its schemas as JSON schemas, whatever they are written in. Raises ``InvalidInput``."""
    given, answer = draft.schema, draft.form.output_schema
    schemas = {
        "input_schema": None if given is None else input_schema_of(given),
        "output_schema": None if answer is None else schema_of(answer, "output_schema"),
    }
    return draft.form.model_copy(update=schemas)


def _problems(draft: Draft, form: PromptForm) -> list[Problem]:
    found = [] if form.input_schema is None else list(schema_problems("schema", form.input_schema))
    if form.output_schema is not None:
        found += schema_problems("output_schema", form.output_schema)
    return found + [problem for one in draft.texts for problem in prompt_problems(one.path, one.text, form.dialect)]


def _parsed(refs: Sequence[str]) -> dict[str, PromptRef]:
    found: dict[str, PromptRef] = {}
    problems = []
    for ref in refs:
        try:
            found[ref] = parse_prompt_ref(ref)
        except ValueError as exc:
            problems.append(Problem("template", str(exc), "correct the name of the part"))
    if problems:
        raise InvalidInput.of(*problems)
    return found


def _archived(ref: str, name: str) -> Problem:
    return Problem("template", f"'{ref}' is archived", f"restore it: POST /api/v1/prompts/{name}/restore")
