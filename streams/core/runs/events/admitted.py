"""How a run leaves ``queued``: at once, or with ``RunSubmitted.turns`` or ``flow`` when it is admitted.

Limits, turns and gates of flow control are the table's of admissions (``streams.core.admissions.fold``). The run asks
it, starts when it is told, and says when it is over, whether it ran or not:

    the run is    submitted with these   told that it is admitted   over
    queued        ask                    start                      give back
    running                              nothing: told twice
    over, gone                           give back

So a place that was given for nothing comes back, and who is restored asks, or gives back, again.
"""

from schemas.budgets import PROJECT_TAG
from schemas.records.admissions import AdmissionAsked, AdmissionReleased
from schemas.records.flow import RunFlow
from schemas.records.run_events import RunAdmitted
from schemas.tables.runs import FLOW, TURNS
from streams.core.commands import Command, Emit
from streams.core.runs.nodes.dispatch import start
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Header
from streams.core.state import State


def queue_run(run: RunChanges, state: State, *, limited: bool, flow: RunFlow | None) -> None:
    """Let a new run wait to be admitted: the limits of its organisation, the gates of its workflow, or both."""
    state.put(run.run_id, TURNS, limited)
    if flow is not None:
        state.put(run.run_id, FLOW, flow)
    run.commands.append(ask(state, run.header))


def has_turns(state: State, header: Header) -> bool:
    """Whether a run needs to be admitted, or needed to."""
    return state.get(header.run_id, TURNS) is not None


def start_admitted(run: RunChanges, _event: RunAdmitted) -> None:
    """Start a run that is admitted."""
    start(run)


def admitted_late(run: RunChanges, event: RunAdmitted) -> None:
    """Give the place of a run back that needs it no more."""
    run.commands.append(give_back(event))


def ask(state: State, header: Header) -> Command:
    """Return the question of a queued run."""
    return Emit(
        AdmissionAsked(
            run_id=header.run_id,
            org_id=header.org_id,
            workflow_name=header.workflow_name,
            project=header.tags.get(PROJECT_TAG, ""),
            flow=state.get(header.run_id, FLOW),
            limited=state.get(header.run_id, TURNS) is not False,
        ),
    )


def give_back(run: Header | RunAdmitted) -> Command:
    """Return what is said of a run that is over, or of one that was admitted too late."""
    return Emit(AdmissionReleased(run_id=run.run_id, org_id=run.org_id, workflow_name=run.workflow_name))
