"""Whether limits of running runs held, and whether every place was given back."""

import time

from deploy.local.system import ORG, System
from tests.chaos.workflows import MAX_OF_WORKFLOW, MAX_RUNNING
from tests.support.turns_seen import turns_seen

POLL_S = 0.2


def over_limits(bootstrap: str, limited: bool) -> list[str]:
    """Return what ran beyond its limit, as the topics say it; without limits, who waited for a turn."""
    seen = turns_seen(bootstrap)
    if not limited:
        return ["a run waited for its turn, and there are no limits"] if seen.most(ORG, None) else []
    limits = {None: MAX_RUNNING, **MAX_OF_WORKFLOW}
    most = {workflow: seen.most(ORG, workflow) for workflow in limits}
    found = [
        f"{most[workflow]} runs of {workflow or 'the organisation'} had their turn at once, {limit} may"
        for workflow, limit in limits.items()
        if most[workflow] > limit
    ]
    return found if most[None] else ["no run waited for its turn"]


def places_kept(system: System, within_s: float) -> list[str]:
    """Return the places that are not given back, and who is left in line, when all runs have ended."""
    deadline = time.monotonic() + within_s
    with system.client() as client:
        while True:
            found = client.get("/api/v1/limits").json()
            if (found.get("running"), found.get("waiting")) == (0, 0):
                return []
            if time.monotonic() > deadline:
                return [f"every run has ended, and the table of admissions has {found}"]
            time.sleep(POLL_S)
