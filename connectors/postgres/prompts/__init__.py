"""The registry of prompts: their versions, and the labels that name them."""

from connectors.postgres.prompts.versions import PromptLine, Prompts

__all__ = ["PromptLine", "Prompts"]
