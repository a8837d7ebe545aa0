"""Answers that were given and counted, and cannot be used: they are paid for, and the step fails."""

from connectors.providers.wire import LENGTH
from schemas.errors import StepError


def no_text(finish_reason: str) -> StepError:
    """Return the error for an answer without text. One that ``max_tokens`` cut would end there again."""
    if finish_reason == LENGTH:
        return StepError(
            "no_text",
            "the model used up max_tokens before it wrote any text (a reasoning model thinks first); raise max_tokens",
        )
    return StepError(
        "no_text", f"the model's answer has no text (it ended with {finish_reason!r}); ask again", retryable=True
    )


def filtered(reason: str = "") -> StepError:
    """Return the error for an answer that the provider withholds; ``reason`` is its own word for why."""
    why = f" ({reason[:100]})" if reason else ""
    return StepError(
        "content_filtered", f"the provider's content filter withheld the answer{why}; change the prompt or the model"
    )
