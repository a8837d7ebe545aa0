# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Prompts: versioned, immutable texts."""

from typing import Unpack

from agentflow.bodies import CreatePrompt
from agentflow.client.sync.resource import Resource, given
from agentflow.models import PromptAnswer, PromptPage


class Prompts(Resource):
    """Versions of prompts."""

    def create(self, **body: Unpack[CreatePrompt]) -> PromptAnswer:
        """Create a version: the next one, or the given ``version``. The same text again is the same version."""
        return self._ask(PromptAnswer, "prompts.create", json=body)

    def list(self) -> PromptPage:
        """Return the newest version of each prompt."""
        return self._ask(PromptPage, "prompts.list")

    def get(self, name: str, version: int | None = None) -> PromptAnswer:
        """Return one version of a prompt, by default the newest."""
        return self._ask(PromptAnswer, "prompts.get", name, params=given(version=version))
