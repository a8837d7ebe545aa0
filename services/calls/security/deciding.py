"""A policy is asked, and what it says is noted in the ledger, with when and how long that took."""

import time
from collections.abc import Callable
from typing import TypeVar

from connectors.ports.engine import Clock
from schemas.errors import Unavailable
from schemas.policies.rulings import Ruling
from services.calls.ledger import Ledger
from services.calls.timeouts import PATIENCE_S, Deferred

T = TypeVar("T")


def noted(ledger: Ledger, clock: Clock, ask: Callable[[], Ruling]) -> Ruling:
    """Return what a policy says. Raises ``Deferred`` while this process does not know it."""
    since_s = time.perf_counter()
    ruling = deferred_if_unknown(ask)
    ledger.decided(ruling.decisions, clock.now_ms(), time.perf_counter() - since_s)
    return ruling


def deferred_if_unknown(ask: Callable[[], T]) -> T:
    """Return what is asked of a policy. Raises ``Deferred`` while this process does not know it."""
    try:
        return ask()
    except Unavailable as exc:
        raise Deferred(max(exc.retry_after_s, PATIENCE_S), str(exc)) from exc
