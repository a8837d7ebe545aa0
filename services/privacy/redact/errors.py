"""How redaction refuses: what cannot be looked at, or may not be there, does not pass.

``privacy_failed`` may be tried again when a dependency was down; ``privacy_refused`` is final. No message has a part of
what was looked at.
"""

from schemas.errors import StepError, Unavailable
from schemas.spec.error_codes import PRIVACY_FAILED, PRIVACY_REFUSED


def refused(message: str, rule: str = "") -> StepError:
    """Return the final error of a value that may not pass; ``rule`` is the id of what refuses it."""
    return StepError(PRIVACY_REFUSED, message, details={"rule": rule} if rule else {})


def vault_down(exc: Unavailable) -> StepError:
    """Return the error of a value that could not be redacted or restored now."""
    message = f"the vault does not answer, so nothing was let pass: {exc}"
    return StepError(PRIVACY_FAILED, message, retryable=True, retry_after_ms=int(exc.retry_after_s * 1000))


def failed(what: str, exc: Exception) -> StepError:
    """Return the final error of a part of redaction that raised; its own words may hold what it was looking at."""
    return StepError(PRIVACY_FAILED, f"{what} failed ({type(exc).__name__}), so nothing was let pass")
