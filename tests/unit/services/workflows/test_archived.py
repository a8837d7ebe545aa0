"""How soon an archived prompt is noticed by a process that has its plans cached."""

import pytest

from connectors.postgres.prompts.rows import StoredPrompt
from connectors.postgres.workflows import StoredWorkflow
from schemas.errors import Unavailable, UnknownPrompt
from schemas.prompts.refs import PromptRef
from schemas.spec.model import WorkflowSpec
from services.workflows.archived import ARCHIVED_FOR_S, FAILED_FOR_S, ArchivedPrompts
from services.workflows.resolver import NEWEST_FOR_S, WorkflowResolver


class Stored:
    """A prompt with a label, and the workflow that names it as ``ref``. ``down``: nothing answers."""

    def __init__(self, ref: str) -> None:
        self.ref = ref
        self.label: int | None = 1
        self.gone: frozenset[str] = frozenset()
        self.down = False
        self.asked = 0

    async def archived(self, org_id: str) -> frozenset[str]:
        self.asked += 1
        if self.down:
            raise Unavailable("postgres", "nobody answers")
        return self.gone

    async def find(self, org_id: str, refs: list[PromptRef]) -> list[StoredPrompt | None]:
        return [self._prompt(ref.version if ref.label is None else self.label) for ref in refs]

    def _prompt(self, version: int | None) -> StoredPrompt | None:
        at = 1 if self.gone else None
        return None if version is None else StoredPrompt("ask", version, "x", "h", None, 0, archived_ms=at)

    async def get(self, org_id: str, name: str, version: int) -> StoredWorkflow:
        node = {"id": "ask", "type": "llm", "config": {"prompt_ref": self.ref}}
        spec = {"name": name, "version": version, "dag": {"nodes": [node], "edges": []}}
        document = WorkflowSpec.model_validate(spec).model_dump(mode="json", by_alias=True)
        return StoredWorkflow(name, version, document, "hash", [], 0)


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_cached_plan_is_refused_once_its_prompt_is_archived() -> None:
    stored, seconds = Stored("ask@1"), Seconds()
    plans = WorkflowResolver(stored, stored, seconds)  # type: ignore[arg-type]
    plan = await plans.plan("acme", "flow", 1)
    assert await plans.plan("acme", "flow", 1) is plan
    stored.gone = frozenset({"ask"})
    assert await plans.plan("acme", "flow", 1) is plan
    seconds.now = ARCHIVED_FOR_S
    with pytest.raises(UnknownPrompt, match="archived: ask; restore"):
        await plans.plan("acme", "flow", 1)
    stored.gone = frozenset()
    plans.forget("acme")
    assert await plans.plan("acme", "flow", 1) is plan


async def test_a_plan_with_a_label_follows_it_and_never_outlives_it() -> None:
    stored, seconds = Stored("ask@production"), Seconds()
    plans = WorkflowResolver(stored, stored, seconds)  # type: ignore[arg-type]
    for now, label in ((0.0, 1), (NEWEST_FOR_S, 2)):
        seconds.now, stored.label = now, label
        assert (await plans.plan("acme", "flow", 1)).resolved.prompts["ask@production"].version == label
    seconds.now, stored.label = 2 * NEWEST_FOR_S, None
    with pytest.raises(UnknownPrompt, match="ask@production; create them, or move the labels"):
        await plans.plan("acme", "flow", 1)


async def test_while_nobody_answers_what_was_known_holds_and_few_ask() -> None:
    stored, seconds = Stored("ask@1"), Seconds()
    archived = ArchivedPrompts(stored, seconds)  # type: ignore[arg-type]
    stored.gone = frozenset({"ask"})
    assert await archived.names("acme") == {"ask"}
    stored.down = True
    for now, asked in ((ARCHIVED_FOR_S, 2), (FAILED_FOR_S, 2), (ARCHIVED_FOR_S + FAILED_FOR_S, 3)):
        seconds.now = now
        assert (await archived.names("acme"), stored.asked) == ({"ask"}, asked)


async def test_an_answer_of_before_a_change_here_is_not_remembered() -> None:
    stored = Stored("ask@1")
    archived = ArchivedPrompts(stored, Seconds())  # type: ignore[arg-type]
    ask = stored.archived

    async def slow(org_id: str) -> frozenset[str]:
        found = await ask(org_id)
        archived.forget(org_id)
        return found

    stored.archived = slow  # type: ignore[method-assign]
    assert await archived.names("acme") == frozenset()
    stored.archived, stored.gone = ask, frozenset({"ask"})  # type: ignore[method-assign]
    assert await archived.names("acme") == {"ask"}
