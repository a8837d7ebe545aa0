"""All judges, and what they say of a session's evidence."""

from collections.abc import Mapping

from tests.chaos.evidence import Evidence
from tests.chaos.judges import (
    acks,
    bill,
    budget_table,
    cancels,
    caps,
    codes,
    costs,
    dead_letters,
    families,
    limits,
    outputs,
    overspend,
    routes,
    signals,
    states,
    stores,
    times,
)
from tests.chaos.judges.violation import Judge, Violation

JUDGES: Mapping[str, Judge] = {
    "states": states.judge,
    "outputs": outputs.judge,
    "costs": costs.judge,
    "caps": caps.judge,
    "codes": codes.judge,
    "cancels": cancels.judge,
    "signals": signals.judge,
    "families": families.judge,
    "times": times.judge,
    "limits": limits.judge,
    "acks": acks.judge,
    "dead letters": dead_letters.judge,
    "bill": bill.judge,
    "overspend": overspend.judge,
    "budget table": budget_table.judge,
    "routes": routes.judge,
    "stores": stores.judge,
}


def judged(evidence: Evidence) -> dict[str, list[Violation]]:
    """Return what each judge found; judges without a finding are left out."""
    found = {name: judge(evidence) for name, judge in JUDGES.items()}
    return {name: violations for name, violations in found.items() if violations}
