"""A detector that cannot decide refuses the text: nothing that it did not read gets past it."""

from schemas.errors import StepError


class DetectorFailed(StepError):
    """A text was not searched to its end. ``reason``: ``failed``, ``too_large``, ``too_deep``, ``not_installed``.

    The message never has a part of the text.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__("privacy_failed", message, details={"reason": reason})
        self.reason = reason
