"""Prompts: versioned and immutable, and the labels that name versions."""

from typing import Unpack

from agentflow.bodies import CreatePrompt, MoveLabel, SetScoring, StartDeployment
from agentflow.client.aio.resource import AsyncResource, given
from agentflow.models import (
    DeploymentLine,
    LabelAnswer,
    LabelPage,
    LiveScorePage,
    PromptAnswer,
    PromptPage,
    PromptVersionPage,
    QualityPage,
    QualityPoints,
    ScoringAnswer,
)


class AsyncPrompts(AsyncResource):
    """Versions of prompts."""

    async def create(self, **body: Unpack[CreatePrompt]) -> PromptAnswer:
        """Create a version: the next one, or the given ``version``. The same content again is the same version."""
        return await self._ask(PromptAnswer, "prompts.create", json=body)

    async def list(self, *, archived: bool = False) -> PromptPage:
        """Return the newest version of each prompt; with ``archived`` of those that are archived."""
        return await self._ask(PromptPage, "prompts.list", params={"archived": archived or None})

    async def get(self, name: str, version: int | None = None, *, label: str | None = None) -> PromptAnswer:
        """Return one version of a prompt, or the one that a ``label`` names; by default the newest."""
        return await self._ask(PromptAnswer, "prompts.get", name, params=given(version=version, label=label))

    async def versions(self, name: str) -> PromptVersionPage:
        """Return the versions of a prompt, the newest first."""
        return await self._ask(PromptVersionPage, "prompts.versions", name)

    async def archive(self, name: str, *, force: bool = False) -> PromptAnswer:
        """Archive a prompt. It is a ``Conflict`` while workflows name it, unless ``force``; runs can still read it."""
        return await self._ask(PromptAnswer, "prompts.archive", name, params={"force": force or None})

    async def restore(self, name: str) -> PromptAnswer:
        """Restore an archived prompt."""
        return await self._ask(PromptAnswer, "prompts.restore", name)

    async def labels(self, name: str) -> LabelPage:
        """Return the labels of a prompt and their moves."""
        return await self._ask(LabelPage, "prompts.labels", name)

    async def move_label(self, name: str, label: str, /, **body: Unpack[MoveLabel]) -> LabelAnswer:
        """Let a label name a ``version``.

        With ``expected_version`` it is a ``Conflict`` unless the label names that one now; ``None`` for no such label.
        """
        return await self._ask(LabelAnswer, "prompts.move_label", name, label, json=body)

    async def remove_label(self, name: str, label: str, *, expected_version: int | None = None) -> None:
        """Remove a label. With ``expected_version`` it is a ``Conflict`` unless the label names that one now."""
        await self._raw("prompts.remove_label", name, label, params=given(expected_version=expected_version))

    async def scoring(self, name: str) -> ScoringAnswer:
        """Return how live answers of a prompt are scored. It is ``NotFound`` where they are not."""
        return await self._ask(ScoringAnswer, "prompts.scoring", name)

    async def set_scoring(self, name: str, /, **body: Unpack[SetScoring]) -> ScoringAnswer:
        """Score a share of a prompt's live answers, ``sample`` from 0 to 1, by ``scorers``."""
        return await self._ask(ScoringAnswer, "prompts.set_scoring", name, json=body)

    async def remove_scoring(self, name: str) -> None:
        """Score no live answers of a prompt any more."""
        await self._raw("prompts.remove_scoring", name)

    async def scores(self, name: str, *, since: str | None = None) -> LiveScorePage:
        """Return the means of a prompt's live scores, by version and scorer, of the last seven days or ``since``."""
        return await self._ask(LiveScorePage, "prompts.scores", name, params=given(since=since))

    async def quality(self, name: str) -> QualityPage:
        """Return the series of a prompt's live scores, with the changes of their means."""
        return await self._ask(QualityPage, "prompts.quality", name)

    async def quality_points(
        self, name: str, *, by: str | None = None, every: str | None = None, since: str | None = None
    ) -> QualityPoints:
        """Return a prompt's live scores by ``minute``, ``hour`` or ``day``, of each version, workflow or model."""
        params = given(by=by, every=every, since=since)
        return await self._ask(QualityPoints, "prompts.quality_points", name, params=params)

    async def deploy(self, name: str, /, **body: Unpack[StartDeployment]) -> DeploymentLine:
        """Deploy a version to an ``environment``, by a rollout that statistics decide, or at once by ``mode="all"``.

        It is a ``Conflict`` while another rollout runs there. See ``rollouts`` for what becomes of it.
        """
        return await self._ask(DeploymentLine, "prompts.deploy", name, json=body)
