"""Whether a failed attempt is tried again, and when. Jitter is a hash of what is retried, so replay waits the same."""

import hashlib

from schemas.records.base import ErrorInfo
from schemas.spec.policy import Retries

#: A provider that asks for more than this is not obeyed: the longest wait that a policy can name.
MAX_RETRY_AFTER_MS = 86_400_000


def may_retry(retries: Retries, attempt: int, error: ErrorInfo) -> bool:
    """Return whether another attempt follows attempt number ``attempt``, which ended with ``error``."""
    wanted = not retries.retry_on or error.code in retries.retry_on
    return error.retryable and wanted and attempt < retries.max_attempts


def wait_ms(retries: Retries, run_id: str, step_id: str, attempt: int, retry_after_ms: int | None) -> int:
    """Return the milliseconds between the end of attempt number ``attempt`` and the next one."""
    longest = min(retries.initial_ms * retries.multiplier ** (attempt - 1), float(retries.max_ms))
    backoff = longest * (1.0 - retries.jitter * _share(run_id, step_id, attempt))
    return max(int(backoff), min(retry_after_ms or 0, MAX_RETRY_AFTER_MS))


def _share(run_id: str, step_id: str, attempt: int) -> float:
    """Return a number in [0, 1) that only these three decide."""
    digest = hashlib.sha256(f"{run_id}\x1f{step_id}\x1f{attempt}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / float(1 << 48)
