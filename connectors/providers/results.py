"""Answers that were given and counted, and cannot be used: they are paid for, and the step fails."""

from schemas.errors import StepError

#: How providers say that an answer ended at ``max_tokens``.
_CUT = ("length", "max_tokens", "max_output_tokens")


def no_text(finish_reason: object) -> StepError:
    """Return the error for an answer without text. One that ``max_tokens`` cut would end there again."""
    if finish_reason in _CUT:
        return StepError(
            "no_text",
            "the model used up max_tokens before it wrote any text (a reasoning model thinks first); raise max_tokens",
        )
    return StepError(
        "no_text", f"the model's answer has no text (it ended with {finish_reason!r}); ask again", retryable=True
    )
