"""Rollouts: what was counted is what the log says, in the order of assignment, and what was decided follows from it."""

from collections.abc import Iterator, Sequence
from math import log
from typing import Any

import msgspec

from schemas.records.rollouts.deployments import (
    DeploymentDecided,
    DeploymentOverridden,
    DeploymentStarted,
    RunAssigned,
    RunOutcome,
)
from schemas.rollouts.plan import BRAKE_ALPHA
from tests.simulation.world.rollouts import PLAN
from tests.simulation.world.world import World
from topics import catalogue
from topics.codec import decode

#: As in the fold, and said here once more: the bet on a canary that fails ten times as often.
TIMES = 10
STATUS = {"promote": "promoted", "rollback": "rolled_back", "stop": "stopped"}


def check(world: World) -> Iterator[str]:
    """Yield what is wrong with the rollout."""
    if not world.rolls_out:
        return
    said = [decode(r.topic, r.value) for r in world.log.everything(catalogue.DEPLOYMENT_OUTCOMES)]
    decided = [decode(r.topic, r.value) for r in world.log.everything(catalogue.DEPLOYMENT_DECISIONS)]
    (stored,) = (data for data in _rollouts(world) if "decided" in data)
    newest = msgspec.json.decode(stored["decided"], type=DeploymentDecided)
    head = msgspec.json.decode(stored["head"])
    yield from _records(decided, newest)
    yield from _by_hand(said, newest)
    counted, ended = _replayed(said)
    if head["next"] != ended:
        yield f"{head['next']} exposures have a number, and the log has {ended} of the deployment"
    yield from _counted(counted, decided)


def _rollouts(world: World) -> Iterator[dict[str, bytes]]:
    table = world.tables[catalogue.DEPLOYMENT_OUTCOMES]
    for partition in range(world.partitions):
        entities, _, _ = table.contents(partition)
        yield from (fields for name, fields in entities.items() if name.startswith("rollout:"))


def _records(decided: Sequence[DeploymentDecided], newest: DeploymentDecided) -> Iterator[str]:
    """The newest decision is in the log, and each number has one decision, in equal words."""
    by_number: dict[int, DeploymentDecided] = {}
    for one in decided:
        if by_number.setdefault(one.number, one) != one:
            yield f"decision {one.number} was made twice: {one} and {by_number[one.number]}"
    if by_number.get(newest.number) != newest:
        yield f"the newest decision, {newest.number} {newest.reason}, was not emitted"
    if max(by_number, default=0) != newest.number:
        yield f"decision {max(by_number, default=0)} was emitted, and the table knows {newest.number}"


def _by_hand(said: Sequence[Any], newest: DeploymentDecided) -> Iterator[str]:
    words = [one.action for one in said if isinstance(one, DeploymentOverridden)]
    if words and (newest.status, newest.reason) != (STATUS[words[-1]], "by_hand"):
        yield f"somebody said {words[-1]}, and the rollout is {newest.status} by {newest.reason}"


def _replayed(said: Sequence[Any]) -> tuple[list[tuple[Any, RunOutcome]], int]:
    """Return the exposures with their outcomes in order, until the rollout ends, and how many there were by then.

    It ends where the brake says so or somebody does; the plan lets nothing else end it so soon.
    """
    exposed: dict[str, Any] = {}
    outcomes: dict[str, RunOutcome] = {}
    counted: list[tuple[Any, RunOutcome]] = []
    brake, runs = 0.0, False
    for one in said:
        if isinstance(one, DeploymentStarted):
            runs = True
        if not runs or one.deployment_id != "d1":
            continue
        if isinstance(one, DeploymentOverridden):
            break
        if isinstance(one, RunAssigned | RunOutcome):
            exposed.setdefault(one.run_id, one)
        if isinstance(one, RunOutcome):
            outcomes.setdefault(one.run_id, one)
        waiting = list(exposed)[len(counted) :]
        for run in waiting:
            if run not in outcomes or brake >= log(1 / BRAKE_ALPHA):
                break
            counted.append((exposed[run], outcomes[run]))
            brake += 0.0 if outcomes[run].ok else _bet(exposed[run])
        if brake >= log(1 / BRAKE_ALPHA):
            break
    return counted, len(exposed)


def _bet(one: Any) -> float:
    ratio = PLAN.steps[one.step]
    mine = TIMES * ratio / (TIMES * ratio + 1 - ratio)
    return log(mine / ratio) if one.arm == "canary" else log((1 - mine) / (1 - ratio))


def _counted(counted: Sequence[tuple[Any, RunOutcome]], decided: Sequence[DeploymentDecided]) -> Iterator[str]:
    """Every decision has the errors of as many first exposures as it says."""
    for one in decided:
        if one.status == "rolled_back" and one.reason == "brake" and one.runs != len(counted):
            yield f"the brake stopped after {one.runs} runs, and by the log it does after {len(counted)}"
        of = counted[: one.runs]
        if one.runs > len(counted):
            yield f"decision {one.number} counts {one.runs} runs, and {len(counted)} have an outcome"
        for metric in one.metrics:
            if metric.metric == "errors":
                yield from _errors(one.number, metric, of)


def _errors(number: int, metric: Any, of: Sequence[tuple[Any, RunOutcome]]) -> Iterator[str]:
    steps = {exposed.step for exposed, _ in of}
    both = {s for s in steps if len({exposed.arm for exposed, _ in of if exposed.step == s}) == 2}
    for arm, runs, mean in (
        ("stable", metric.stable_runs, metric.stable),
        ("canary", metric.canary_runs, metric.canary),
    ):
        failed = [not end.ok for exposed, end in of if exposed.arm == arm and exposed.step in both]
        if runs != len(failed) or abs(mean - sum(failed) / len(failed)) > 1e-6:
            yield f"decision {number} has {mean} errors of {runs} {arm} runs, and the log {sum(failed)}/{len(failed)}"
