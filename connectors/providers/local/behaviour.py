"""Faults of a ``local`` model on request: slow, failing, limited. Key and seed decide the fate of each call.

A fate depends on the idempotency key and the number of the attempt: so a failed attempt fails again however often it
is repeated, and its successor may succeed. Only the rate limit depends on the time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from typing import Any, Literal, Self

Fault = Literal["error", "timeout", "garbage"]
ATTEMPT_HEADER = "X-Attempt"
"""Tells a server of the local models the number of the attempt."""


def fate_key(idempotency_key: str, attempt: int) -> str:
    """Return what decides the fate of a call."""
    return f"{idempotency_key}:{attempt}" if attempt else idempotency_key


@dataclass(frozen=True, slots=True)
class LocalBehaviour:
    """Faults in addition to the answer. Rates are shares from 0 to 1 of the calls; the default has none.

    ``latency_ms`` plus up to ``jitter_ms`` pass before an answer; ``error_rate`` of the calls find the provider
    unavailable, ``timeout_rate`` never get an answer, ``garbage_rate`` get one that is not JSON; ``rate_limit_per_s``
    (0 is no limit) allows as many in a burst as in a second. ``echo`` answers every model with the test model's short
    text, without loading a library.
    """

    latency_ms: int = 0
    jitter_ms: int = 0
    error_rate: float = 0.0
    timeout_rate: float = 0.0
    garbage_rate: float = 0.0
    rate_limit_per_s: float = 0.0
    seed: int = 0
    echo: bool = False

    def __post_init__(self) -> None:
        for name in ("latency_ms", "jitter_ms", "rate_limit_per_s"):
            if not 0 <= getattr(self, name) < 1e9:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be zero or more")
        for name in ("error_rate", "timeout_rate", "garbage_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be a share from 0 to 1")

    def changed(self, changes: Mapping[str, object]) -> Self:
        """Return a copy with other values. Raises ``ValueError``, which names the invalid field."""
        kinds = {field.name: type(field.default) for field in fields(self)}
        values: dict[str, Any] = {name: _checked(name, value, kinds) for name, value in changes.items()}
        return replace(self, **values)

    def delay_s(self, key: str) -> float:
        """Return the seconds before the call with this key is answered."""
        return (self.latency_ms + self.jitter_ms * _draw(self.seed, "jitter", key)) / 1000

    def fault(self, key: str) -> Fault | None:
        """Return the fault of the call with this key, if any."""
        drawn = _draw(self.seed, "fault", key)
        shares: tuple[tuple[Fault, float], ...] = (
            ("error", self.error_rate),
            ("timeout", self.timeout_rate),
            ("garbage", self.garbage_rate),
        )
        for name, share in shares:
            if drawn < share:
                return name
            drawn -= share
        return None


class RateGate:
    """A token bucket of one second's calls. ``now`` returns seconds that never go back."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._rate = 0.0
        self._tokens = 0.0
        self._at = now()

    def wait_ms(self, rate: float) -> int:
        """Admit a call and return 0, or return the milliseconds until the next one may come."""
        now = self._now()
        if rate != self._rate:
            self._rate, self._tokens = rate, max(1.0, rate)
        if rate <= 0:
            return 0
        self._tokens = min(max(1.0, rate), self._tokens + (now - self._at) * rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return int((1 - self._tokens) / rate * 1000) + 1


def _draw(seed: int, what: str, key: str) -> float:
    """Return a number in [0, 1) that depends on nothing but its arguments."""
    digest = blake2b(f"{seed}\x1f{what}\x1f{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _checked(name: str, value: object, kinds: Mapping[str, type]) -> object:
    kind = kinds.get(name)
    if kind is None:
        raise ValueError(f"no behaviour {name!r}; there are {', '.join(kinds)}")
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{name} is {value!r}; it must be of type {kind.__name__}")
    return value
