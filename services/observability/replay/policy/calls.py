"""A recorded call, as policies are replayed over it."""

from typing import NamedTuple

from msgspec import Struct

from schemas.records.base import Usage


class Route(NamedTuple):
    """Where a call goes."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


class RecordedCall(Struct, frozen=True, kw_only=True):
    """One settled or cached call. Money is nano-dollars, times are milliseconds.

    ``at_ms`` is the time of its hold, by which it was priced. ``computed``: its amount is an actual one by prices, so
    that they give it again; the others are estimates, or what a provider stated. ``request`` is a hash of what was
    asked, 0 where that was not captured. ``saved_nano`` is what the answer cost that stood in for a ``cached`` call.
    ``labels`` is ``CallLabels`` as JSON, empty for a call of a run without.
    """

    call_id: str
    run_id: str
    at_ms: int
    workflow: str
    node: str
    prompt: str
    route: Route
    usage: Usage
    amount_nano: int
    price_version: str = ""
    priced_as: str = ""
    computed: bool = True
    cached: bool = False
    saved_nano: int = 0
    request: int = 0
    latency_ms: float = 0.0
    score: float | None = None
    tags: dict[str, str] = {}
    labels: str = ""
