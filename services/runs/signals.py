"""Signals for runs: the one path from a request to a ``SignalReceived`` record, shared by HTTP and by ingress.

Checks use history, the markers of submissions and the run's own table, so their answers are as of a moment ago. The
run's fold checks again, and counts unusable signals as late.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec
import orjson
from cachetools import LRUCache

from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from connectors.postgres.history.runs import Runs
from connectors.postgres.workflows import Workflows
from connectors.redis.readers.signals import SignalsReader
from connectors.redis.submission_markers import SubmissionMarkers
from schemas.clock import now_ms
from schemas.errors import BadValue, Conflict, InvalidInput, NotFound, PrivacyRefused, Problem, Undecodable
from schemas.labels.label import Integrity, Label
from schemas.payload import INLINE_LIMIT, Inline, Payload
from schemas.privacy.sealed_questions import questions_of
from schemas.privacy.wants import Sealing, Want
from schemas.records.base import Json
from schemas.records.run_events import SignalReceived
from schemas.records.security.pinned import Decision
from schemas.run_states import TERMINAL_RUN, RunState
from schemas.spec.check.waiting_nodes import signal_names, signal_schemas
from schemas.spec.model import WorkflowSpec
from schemas.tables.signals import KEPT_BYTES, KEPT_MOST
from schemas.values.strict_schemas import misfits
from services.privacy.redact.redactor import Of, Redacted
from services.security.enforcement.audit import entry_event
from services.security.policies.pinning import Pinning
from topics.catalogue import AUDIT_EVENTS, RUN_EVENTS
from topics.codec import encode

#: The label of a signal's data, as the fold gives it where nothing else is said.
BY_SIGNAL = Label(Integrity.USER, origins=frozenset({"signal"}))
#: A version of a workflow never changes, so what it waits for is remembered.
REMEMBERED = 1_000
#: Approximate size of a stored value in the run's table.
REFERENCE_BYTES = 512
_BY_SCHEMA = "send data that follow the `input_schema` of the workflow's signal"


class Objects(Protocol):
    """Stored bytes, see ``connectors.objects.store``."""

    async def to_payload(
        self,
        org_id: str,
        value: object,
        labels: dict[str, str] | None = None,
        most: int = INLINE_LIMIT,
        sealing: Sealing | None = None,
    ) -> Payload:
        """Return a JSON value as it travels. Raises ``Undecodable`` for an unsupported one."""
        ...


@dataclass(frozen=True)
class SignalRequest:
    """A signal to a run. ``signal_id`` identifies repeats, ``sent_by`` the sender."""

    run_id: str
    name: str
    data: Json
    signal_id: str
    sent_by: str = ""


@dataclass(frozen=True)
class Addressed:
    """A record that may be appended, with the run's workflow and its state as of now."""

    record: SignalReceived
    workflow_name: str
    workflow_version: int
    status: RunState


class InClear(InvalidInput):
    """Data of a person came by a way that keeps it in clear. What is put aside of it must not have it again."""


@dataclass(frozen=True, slots=True)
class _Run:
    workflow: str
    version: int
    status: RunState
    subject: str


@dataclass(frozen=True, slots=True)
class _Signals:
    """The names that a workflow waits for, what its rules ask of the data of each, and the schemas of those."""

    names: frozenset[str]
    wants: Mapping[str, Sequence[Want]]
    schemas: Sequence[tuple[str, dict[str, Json]]]


class SignalSender:
    """Accepts signals. Every method raises ``Unavailable`` when a dependency does not answer.

    Without ``security`` no policy redacts what they hold.
    """

    def __init__(
        self,
        *,
        history: Runs,
        markers: SubmissionMarkers,
        workflows: Workflows,
        objects: Objects,
        appender: Appender,
        signals: SignalsReader,
        security: Pinning | None = None,
    ) -> None:
        self._security = security
        self._history = history
        self._markers = markers
        self._workflows = workflows
        self._objects = objects
        self._appender = appender
        self._signals = signals
        self._names: LRUCache[tuple[str, str, int], _Signals] = LRUCache(REMEMBERED)

    async def prepare(self, org_id: str, wish: SignalRequest, *, in_clear: bool = False) -> Addressed:
        """Return the record of a signal; nothing is appended yet, a large value is stored.

        ``in_clear``: the data came by a log that keeps it. Raises ``NotFound`` (no such run), ``Conflict`` (it has
        ended, or its store of signals is full), ``InvalidInput`` (its workflow has no such signal, or the data cannot
        be stored), ``SubjectErased``, ``PrivacyRefused`` (a policy refuses what it holds), and ``InClear`` for data of
        a person that was kept in clear.
        """
        run = await self._run(org_id, wish.run_id)
        workflow, version, status = run.workflow, run.version, run.status
        if status in TERMINAL_RUN:
            raise Conflict(f"run {wish.run_id} has ended: it is {status}")
        if run.subject and in_clear:
            raise InClear(
                f"run {wish.run_id} has a data subject, and this log keeps signals in clear; send it over HTTP"
            )
        asked = await self._check(org_id, workflow, version, wish)
        labels: dict[str, list[str]] = {}
        if self._security is not None:
            found = await self._private(self._security, Of(org_id, wish.run_id, run.subject), workflow, wish)
            wish = replace(wish, data=found.value)
            labels = {} if found.labels is None else found.labels.raised(BY_SIGNAL).recorded
        payload = await self._payload(org_id, wish, Sealing(run.subject, asked) if run.subject else None)
        payload = msgspec.structs.replace(payload, labels=labels) if labels else payload
        await self._check_room(wish.run_id, payload)
        record = SignalReceived(
            run_id=wish.run_id,
            org_id=org_id,
            name=wish.name,
            signal_id=wish.signal_id,
            payload=payload,
            sent_by=wish.sent_by,
        )
        return Addressed(record, workflow, version, status)

    async def _private(self, security: Pinning, of: Of, workflow: str, wish: SignalRequest) -> Redacted:
        """Return a signal's data as it may be in the log; what was decided is in the audit log before."""
        try:
            found = await security.signalled(of, workflow, wish.data)
        except PrivacyRefused as exc:
            await self._audited(of, exc.decisions, wish.signal_id, refused=True)
            raise
        await self._audited(of, found.decisions, wish.signal_id)
        return found

    async def _audited(self, of: Of, decisions: Sequence[Decision], signal: str, *, refused: bool = False) -> None:
        if decisions:
            event = entry_event(of.org_id, of.run_id, decisions, "", now_ms(), refused=refused, by=signal)
            await self._appender.append([OutRecord(AUDIT_EVENTS, of.org_id.encode(), encode(event))])

    async def send(self, records: Sequence[SignalReceived]) -> None:
        """Append signals; return when the broker has acknowledged them."""
        if records:
            await self._appender.append([OutRecord(RUN_EVENTS, r.run_id.encode(), encode(r)) for r in records])

    async def _run(self, org_id: str, run_id: str) -> _Run:
        line = await self._history.status(org_id, run_id)
        if line is not None:
            return _Run(line.workflow_name, line.workflow_version, line.status, line.subject or "")
        receipt = await self._markers.find(org_id, run_id)
        if receipt is None:
            raise NotFound(f"there is no run {run_id}; see GET /api/v1/workflows/runs")
        return _Run(receipt.workflow_name, receipt.workflow_version, "queued", receipt.subject)

    async def _check(self, org_id: str, workflow: str, version: int, wish: SignalRequest) -> Sequence[Want]:
        """Return what the workflow's rules will ask of a signal's data. Raises ``InvalidInput``."""
        name = wish.name
        key = (org_id, workflow, version)
        known = self._names.get(key)
        if known is None:
            stored = await self._workflows.get(org_id, workflow, version)
            spec = WorkflowSpec.model_validate(stored.spec)
            known = self._names[key] = _Signals(
                signal_names(spec), questions_of(spec).signals, list(signal_schemas(spec))
            )
        names = known.names
        if name not in names:
            fix = f"it waits for {', '.join(sorted(names))}" if names else "it has no node of type signal"
            message = f"{workflow} version {version} does not wait for a signal {name!r}"
            raise InvalidInput(f"{message}; {fix}", (Problem("path.name", message, fix),))
        for named, schema in known.schemas:
            if named == name and (found := misfits(schema, wish.data)):
                raise InvalidInput.of(*(Problem(f"data{at.removeprefix('$')}", said, _BY_SCHEMA) for at, said in found))
        return known.wants.get(name, ())

    async def _payload(self, org_id: str, wish: SignalRequest, sealing: Sealing | None) -> Payload:
        try:
            return await self._objects.to_payload(org_id, wish.data, {"run_id": wish.run_id}, sealing=sealing)
        except Undecodable as exc:
            found = (exc.problem,) if isinstance(exc, BadValue) else ()
            problems = tuple(replace(one, path=f"data.{one.path}".rstrip(".")) for one in found)
            raise InvalidInput(f"the signal's data cannot be stored: {exc}", problems) from exc

    async def _check_room(self, run_id: str, payload: Payload) -> None:
        signals = await self._signals.kept(run_id)
        size = len(orjson.dumps(payload.value)) if isinstance(payload, Inline) else REFERENCE_BYTES
        if not signals.has_room(size):
            raise Conflict(
                f"run {run_id} has {len(signals.kept)} unused signals; the maximum is {KEPT_MOST} "
                f"of {KEPT_BYTES // 1024} KiB together: send this one again when its step waits"
            )
