"""The same traffic through the fold itself, record by record, as bytes on the topic."""

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, NamedTuple

import msgspec
import numpy as np

from bench.rollouts.traffic import Traffic
from schemas.records.rollouts.deployments import (
    DeploymentDecided,
    DeploymentEvent,
    DeploymentStarted,
    RunAssigned,
    RunOutcome,
)
from schemas.rollouts.plan import Arm, Plan
from streams.core.commands import Emit
from streams.core.deployments.fold import DeploymentsFold
from streams.core.memory import MemoryState

_OF = {"org_id": "bench", "prompt": "prompt", "environment": "production", "deployment_id": "d1"}
_DECODER = msgspec.json.Decoder(DeploymentEvent)
Fate = tuple[str, int]


class Played(NamedTuple):
    """The bytes of every decision, and the last one: its status and after how many counted runs it was made."""

    decisions: tuple[bytes, ...]
    status: str
    runs: int


def records(plan: Plan, data: Traffic, row: int) -> list[bytes]:
    """Return one seed's records, encoded: each run's exposure, and then its outcome with its score."""
    found: list[DeploymentEvent] = [DeploymentStarted(**_OF, stable_version=1, canary_version=2, plan=plan)]
    for at in range(data.canary.shape[1]):
        arm: Arm = "canary" if data.canary[row, at] else "stable"
        of: dict[str, Any] = _OF | {"run_id": f"r{at}", "entity": f"e{data.entity[row, at]}" if plan.sticky else ""}
        found.append(RunAssigned(**of, arm=arm))
        found.append(
            RunOutcome(
                **of,
                arm=arm,
                ok=not data.failed[row, at],
                cost_nano=round(float(np.exp(data.cost[row, at]))),
                latency_ms=float(np.exp(data.latency[row, at])),
                score=float(data.score[row, at]) if data.scored[row, at] else None,
            )
        )
    return [msgspec.json.encode(one) for one in found]


def play(log: Iterable[bytes], copies: int = 1) -> Played:
    """Fold a log from its start, in a table that is empty; each record came so many times, at the same moment."""
    fold, state, decided = DeploymentsFold(), MemoryState(), list[DeploymentDecided]()
    for offset, data in zip(count(), log, strict=False):
        for command in fold.fold(state, _DECODER.decode(data), 1_000 + offset // copies, offset):
            if isinstance(command, Emit) and isinstance(command.record, DeploymentDecided):
                decided.append(command.record)
    last = decided[-1]
    return Played(tuple(msgspec.json.encode(one) for one in decided), last.status, last.runs)


def as_recorded(data: Traffic) -> Traffic:
    """Return traffic with the costs that records can have, whole nano-dollars."""
    return data._replace(cost=np.log(np.maximum(np.round(np.exp(data.cost)), 1_000.0)))


def fates(plan: Plan, data: Traffic) -> Sequence[Fate]:
    """Return each seed's end by the fold."""
    played = [play(records(plan, data, row)) for row in range(len(data.canary))]
    return [(one.status, one.runs if one.status != "running" else 0) for one in played]
