"""What the table ``deployments`` keeps: its fold writes it, the API shows it.

A *rollout* (organisation, prompt, environment) is an entity: its ``HEAD``, the sums of each metric and step, the runs
whose outcome or score is awaited, and with a sticky plan sums by bucket of entities. A run that was assigned, and an
entity that was, have an entity of their own, so that each counts once.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from schemas.records.rollouts.deployments import DeploymentDecided
from schemas.rollouts.plan import Arm, Metric, Plan, Status
from schemas.tables.entry import Entry, entry

ROLLOUT_PREFIX: Final = "rollout:"
EXPOSURE_PREFIX: Final = "exposure:"
UNIT_PREFIX: Final = "unit:"


class Sums(Struct, frozen=True, array_like=True):
    """One metric of one arm: the number of values and their sum, and over clusters the sums of squares and products.

    A cluster is all that one entity contributed: ``n`` values with the sum ``s``. ``squares`` adds ``s * s``,
    ``products`` ``s * n``, ``sizes`` ``n * n``, and ``clusters`` counts them.
    """

    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    products: float = 0.0
    sizes: int = 0
    clusters: int = 0


class Pair(Struct, frozen=True, array_like=True):
    """The sums of both arms."""

    stable: Sums = Sums()
    canary: Sums = Sums()


class Units(Struct, frozen=True, array_like=True):
    """How many units (runs, or entities) a step has assigned to each arm, each unit where it came first."""

    stable: int = 0
    canary: int = 0


class Head(Struct, frozen=True, omit_defaults=True):
    """One deployment. ``next`` is the number of the next exposure; ``outcomes_at`` and ``scores_at`` are the first ones
    whose outcome and score are not counted yet.
    """

    deployment_id: str
    stable_version: int
    canary_version: int
    plan: Plan
    started_ms: int
    step_ms: int
    status: Status = "running"
    step: int = 0
    number: int = 0
    next: int = 0
    outcomes_at: int = 0
    scores_at: int = 0
    units: tuple[Units, ...] = ()
    #: Counted canary runs of each step.
    canary_runs: tuple[int, ...] = ()
    brake: float = 0.0
    ratio_alarm: float = 0.0
    ratio_alarmed: bool = False
    by_hand: bool = False


class Pending(Struct, frozen=True, omit_defaults=True):
    """An exposure whose outcome or score is not counted yet. ``bucket`` is that of its entity, -1 of a run's own."""

    canary: bool
    step: int
    at_ms: int
    bucket: int = -1
    ok: bool | None = None
    cost: float = 0.0
    latency: float = 0.0
    score: float | None = None


class Exposure(Struct, frozen=True, omit_defaults=True):
    """A run that was assigned: its deployment and the number of its exposure by arm. Only a shadow run has both."""

    deployment_id: str
    numbers: dict[Arm, int]


HEAD: Final[Entry[Head]] = entry("head")
#: Buckets of entities that had an error: those count once for the brake.
ERRED: Final[Entry[list[int]]] = entry("erred")
EXPOSURE: Final[Entry[Exposure]] = entry("exposure")
#: The newest decision, with its numbers.
DECIDED: Final[Entry[DeploymentDecided]] = entry("decided")

_SUMS_PREFIX: Final = "s:"
_PENDING_PREFIX: Final = "p:"
_BUCKET_PREFIX: Final = "c:"
_TYPES: dict[str, Any] = {
    HEAD: Head,
    ERRED: list[int],
    DECIDED: DeploymentDecided,
    EXPOSURE: Exposure,
    _SUMS_PREFIX: Pair,
    _PENDING_PREFIX: Pending,
    _BUCKET_PREFIX: tuple[int, float],
}
_DECODERS = {name: msgspec.json.Decoder(type_) for name, type_ in _TYPES.items()}
_NUMBER = msgspec.json.Decoder(int)


def sums_field(metric: Metric, step: int) -> Entry[Pair]:
    """Return the entry with a metric's sums of one step."""
    return entry(f"{_SUMS_PREFIX}{metric}:{step}")


def pending_field(number: int) -> Entry[Pending]:
    """Return the entry of an exposure that waits."""
    return entry(f"{_PENDING_PREFIX}{number}")


def bucket_field(metric: Metric, step: int, canary: bool, bucket: int) -> Entry[tuple[int, float]]:
    """Return the entry with a bucket's number of values and their sum."""
    return entry(f"{_BUCKET_PREFIX}{metric}:{step}:{int(canary)}:{bucket}")


def rollout_entity(rollout: str) -> str:
    """Return the entity of a rollout."""
    return f"{ROLLOUT_PREFIX}{rollout}"


def exposure_entity(rollout: str, run_id: str) -> str:
    """Return the entity that remembers one run."""
    return f"{EXPOSURE_PREFIX}{rollout}:{run_id}"


def unit_entity(rollout: str, deployment_id: str, entity: str) -> str:
    """Return the entity that remembers whether an entity of a deployment was counted."""
    return f"{UNIT_PREFIX}{rollout}:{deployment_id}:{entity}"


def encode(value: object) -> bytes:
    """Return an entry's stored bytes; floats come back as they were."""
    return msgspec.json.encode(value)


def decode(field: str, data: bytes) -> Any:
    """Return what ``encode`` was given."""
    kind = field[:2] if field[1:2] == ":" else field
    return _DECODERS.get(kind, _NUMBER).decode(data)
