"""Scorers of what an answer took: ``latency`` and ``cost``, as a limit or on a scale from good to bad."""

from schemas.money import from_usd
from schemas.prompts.evaluations import Answered, Case
from services.prompts.evaluations.scorers.base import Mark, Options


class LatencyOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``limit_ms``: 1 up to it, else 0. Or ``good_ms`` and ``bad_ms``: 1 up to the one, 0 from the other on."""

    limit_ms: float | None = None
    good_ms: float | None = None
    bad_ms: float | None = None


class CostOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same in US dollars: ``limit_usd``, or ``good_usd`` and ``bad_usd``. Amounts are numbers or decimal texts."""

    limit_usd: float | str | None = None
    good_usd: float | str | None = None
    bad_usd: float | str | None = None


class Latency:
    """The score of an answer's milliseconds."""

    def __init__(self, options: LatencyOptions) -> None:
        """Raises ``ValueError`` unless there is one limit, or two in their order."""
        self._scale = _scale(options.limit_ms, options.good_ms, options.bad_ms, "ms")

    async def __call__(self, case: Case, answer: Answered) -> Mark:
        return Mark(score=on_scale(answer.latency_ms, *self._scale), note=f"{answer.latency_ms} ms")


class Cost:
    """The score of an answer's cost."""

    def __init__(self, options: CostOptions) -> None:
        """Raises ``ValueError`` for what is no amount, or unless there is one limit, or two in their order."""
        limit, good, bad = map(_nano, (options.limit_usd, options.good_usd, options.bad_usd))
        self._scale = _scale(limit, good, bad, "usd")

    async def __call__(self, case: Case, answer: Answered) -> Mark:
        return Mark(score=on_scale(answer.cost_nano, *self._scale))


def on_scale(value: float, good: float, bad: float) -> float:
    """Return 1 up to ``good``, 0 from ``bad`` on, and linear values between them. Equal bounds are a limit."""
    if value <= good:
        return 1.0
    return max(0.0, (bad - value) / (bad - good)) if bad > good else 0.0


def _nano(amount: float | str | None) -> int | None:
    return None if amount is None else from_usd(str(amount))


def _scale(limit: float | None, good: float | None, bad: float | None, unit: str) -> tuple[float, float]:
    if limit is not None and good is None and bad is None and limit >= 0:
        return limit, limit
    if limit is None and good is not None and bad is not None and 0 <= good < bad:
        return good, bad
    raise ValueError(f"the limits are not usable; write limit_{unit}, or good_{unit} and a larger bad_{unit}")
