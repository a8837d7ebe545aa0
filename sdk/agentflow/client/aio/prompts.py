"""Prompts: versioned, immutable texts."""

from typing import Unpack

from agentflow.bodies import CreatePrompt
from agentflow.client.aio.resource import AsyncResource, given
from agentflow.models import PromptAnswer, PromptPage


class AsyncPrompts(AsyncResource):
    """Versions of prompts."""

    async def create(self, **body: Unpack[CreatePrompt]) -> PromptAnswer:
        """Create a version: the next one, or the given ``version``. The same text again is the same version."""
        return await self._ask(PromptAnswer, "prompts.create", json=body)

    async def list(self) -> PromptPage:
        """Return the newest version of each prompt."""
        return await self._ask(PromptPage, "prompts.list")

    async def get(self, name: str, version: int | None = None) -> PromptAnswer:
        """Return one version of a prompt, by default the newest."""
        return await self._ask(PromptAnswer, "prompts.get", name, params=given(version=version))
