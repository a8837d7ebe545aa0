"""Lines of the area ``calls``: batched calls whose processes are killed at every numbered point of their way."""

import asyncio
from collections.abc import Sequence

from bench.batching.crashes import play
from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from deploy.local.engines.progress import Progress
from services.batches.points import POINTS

STEPS, QUICK_STEPS = 500, 60

AIMS = (
    Aim("batch_paid_once", "%", at_least(100), at_least(100)),
    Aim("batch_off_bill_nano", "nano", at_most(0), at_most(0)),
    Aim("batch_kill_points", "points", at_least(20), at_least(len(POINTS))),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play steps by both wires, and compare what is booked with what the servers made."""
    steps = QUICK_STEPS if quick else STEPS
    progress(f"batches: {steps} steps, killed at {len(POINTS)} points")
    played = asyncio.run(play(steps, seed=0))
    note = f"{played.steps} steps by two wires; {played.made_twice} calls made twice, {played.still_held} still held"
    return [
        Line("batch_paid_once", "%", (100 * played.once / played.steps,), note),
        Line("batch_off_bill_nano", "nano", (played.off_nano,), "the fold of the log against the servers' own count"),
        Line("batch_kill_points", "points", (len(played.killed),), f"of {len(POINTS)}, each killed once"),
    ]
