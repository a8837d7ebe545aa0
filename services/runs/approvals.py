"""Answers of people to what policies ask: the path from a request to the signal of a step, and to the audit log.

What the step asks is read in history, so the answer is as of a moment ago. The run's fold checks again: an answer
counts for the question that it names and for no other.
"""

import re
from dataclasses import dataclass

from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from connectors.postgres.history.run_steps import RunSteps
from connectors.postgres.history.runs import Runs
from schemas import clock
from schemas.errors import Conflict, NotFound
from schemas.payload import inline
from schemas.records.definitions import AuditEvent
from schemas.records.run_events import SignalReceived
from schemas.run_states import TERMINAL_RUN, RunState
from schemas.spec.approvals import approval_name
from schemas.tables.signals import signal_id
from topics.catalogue import AUDIT_EVENTS, RUN_EVENTS
from topics.codec import encode

#: Signals of people, in the ids of signals.
SOURCE = "approvals"
_ASKED = re.compile(r"approval (?P<question>[0-9a-f]{16}) (?P<summary>.*)", re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """What a person says to a step's question. Without ``question``, to the one that is open now.

    ``id`` tells repeats.
    """

    run_id: str
    step_id: str
    approve: bool
    by: str
    question: str | None = None
    id: str = ""


@dataclass(frozen=True)
class Answered:
    """An answer that is in the log. ``summary`` is the call that it is about."""

    question: str
    summary: str
    signal_id: str
    workflow_name: str
    workflow_version: int
    status: RunState


class Approvals:
    """Takes answers. Raises ``Unavailable`` when a dependency does not answer."""

    def __init__(self, history: Runs, steps: RunSteps, appender: Appender) -> None:
        self._history = history
        self._steps = steps
        self._appender = appender

    async def answer(self, org_id: str, said: Answer) -> Answered:
        """Send an answer to a run, and write it to the audit log.

        Raises ``NotFound`` (no such run) and ``Conflict`` (it has ended, or the step does not ask this).
        """
        run = await self._history.status(org_id, said.run_id)
        if run is None:
            raise NotFound(f"there is no run {said.run_id}; see GET /api/v1/workflows/runs")
        if run.status in TERMINAL_RUN:
            raise Conflict(f"run {said.run_id} has ended: it is {run.status}")
        question, summary = await self._asked(org_id, said)
        id_ = signal_id(SOURCE, said.id)
        signal = SignalReceived(
            run_id=said.run_id,
            org_id=org_id,
            name=approval_name(said.step_id),
            signal_id=id_,
            payload=inline({"approve": said.approve, "question": question}),
            sent_by=said.by,
        )
        audit = _audited(org_id, said, question, summary.partition("(")[0])
        await self._appender.append(
            [
                OutRecord(AUDIT_EVENTS, org_id.encode(), encode(audit)),
                OutRecord(RUN_EVENTS, said.run_id.encode(), encode(signal)),
            ]
        )
        return Answered(question, summary, id_, run.workflow_name, run.workflow_version, run.status)

    async def _asked(self, org_id: str, said: Answer) -> tuple[str, str]:
        step = await self._steps.one(org_id, said.run_id, said.step_id)
        asked = None if step is None or step.status != "waiting" else _ASKED.fullmatch(step.waiting_for or "")
        if asked is None:
            raise Conflict(
                f"step {said.step_id!r} of run {said.run_id} waits for no approval; "
                f"see GET /api/v1/workflows/runs/{said.run_id}/waiting"
            )
        if said.question not in (None, asked["question"]):
            raise Conflict(
                f"step {said.step_id!r} asks another question by now, {asked['question']}: {asked['summary']}"
            )
        return asked["question"], asked["summary"]


def _audited(org_id: str, said: Answer, question: str, tool: str) -> AuditEvent:
    return AuditEvent(
        event_id=f"approval:{signal_id(SOURCE, said.id)}",
        org_id=org_id,
        actor=said.by,
        action="approve" if said.approve else "refuse",
        subject=f"{said.run_id}/{said.step_id}",
        decision="allowed" if said.approve else "denied",
        at_ms=clock.now_ms(),
        kind="admin",
        run_id=said.run_id,
        step_id=said.step_id,
        details={"question": question, "tool": tool},
    )
