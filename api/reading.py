"""What a policy lets callers see of runs: applied where routes read, before anything is rendered.

``reading_of`` gives ``None`` where no policy has rules for readers; then nothing here is asked. What was denied or
redacted is in the audit log before the answer is sent: while the log does not take it, there is no answer.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from msgspec import structs

from api.caller import Caller
from api.services import Services
from connectors.ports.engine import OutRecord
from connectors.postgres.history.runs import RunLine, StoredRun, StoredStep
from schemas.clock import now_ms
from schemas.errors import Forbidden, NotFound
from schemas.labels.label import Label, joined
from schemas.labels.mapped import Labels
from schemas.policies.facts import Reader
from schemas.records.definitions import AuditEvent
from schemas.records.spans import Span
from services.privacy.subjects.reading import opened_step
from services.security.policies.reading import Reading, Subject, labels_of
from services.security.policies.restoring import ReaderRestore, Shown
from topics.catalogue import AUDIT_EVENTS
from topics.codec import encode

#: Decisions of one answer that are recorded one by one; their number is recorded in any case.
MAX_DECISIONS = 100


async def reading_of(parts: Services, who: Caller) -> Reading | None:
    """Return what decides for a caller, ``None`` where no rule does. Raises ``Unavailable``."""
    return await parts.security.readings.of(who.org_id, reader_of(who))


def reader_of(who: Caller) -> Reader:
    """Return a caller as rules know it."""
    return Reader(
        id=who.key_id,
        kind="key" if who.kind == "key" else "user",
        project=who.project or "",
        permissions=sorted(who.permissions),
        roles=who.roles,
    )


def subject_of(run: RunLine) -> Subject:
    """Return a run as rules know it."""
    return Subject(run.id, run.workflow_name, run.workflow_version, run.tags)


def seen_run(reading: Reading, run: StoredRun, steps: list[StoredStep]) -> tuple[StoredRun, list[StoredStep]]:
    """Return a run and its steps as the reader may see them."""
    of, labels = subject_of(run), _input_labels(run)
    stored = run.stored_inputs or {}
    inputs = {
        name: reading.value(of, stored.get(name, value), labels.at((name,)), "run", f"inputs.{name}")
        for name, value in (run.inputs or {}).items()
    }
    output = {
        node: reading.payload(of, payload, "run", f"output.{node}", node)
        for node, payload in (run.output or {}).items()
    }
    seen = replace(
        run,
        inputs=None if run.inputs is None else inputs,
        stored_inputs=None,
        output=None if run.output is None else output,
    )
    return seen, [seen_step(reading, of, step) for step in steps]


def seen_step(reading: Reading, of: Subject, step: StoredStep) -> StoredStep:
    """Return a step as the reader may see it."""
    if step.output is None:
        return step
    return replace(step, output=reading.payload(of, step.output, "step", step.step_id, step.node_id))


def seen_object(reading: Reading, run: StoredRun, steps: Iterable[StoredStep], sha256: str) -> bool:
    """Return whether the reader may see an object that a run refers to. Raises ``NotFound`` if the run does not."""
    return reading.whole(subject_of(run), _object_label(run, steps, sha256), "object").verdict == "allow"


async def restored_object(parts: Services, who: Caller, run_id: str, sha256: str, data: bytes) -> bytes:
    """Return the JSON of an object that a run refers to with the values that the caller may see in place of tokens.

    Other bytes, and JSON without such tokens, stay as they are. Raises ``NotFound`` if the run does not refer to it,
    and ``Unavailable``.
    """
    restore = await parts.security.restores.of(who.org_id, reader_of(who))
    if restore is None:
        return data
    found = await parts.runs.history.get(who.org_id, run_id, step_outputs=True)
    if found is None:
        raise await parts.runs.known.unknown(run_id)
    label = _object_label(*found, sha256)
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return data
    (seen,) = await restore.values(subject_of(found[0]), [Shown(value, label, "object", sha256[:12])])
    await record(parts, who, restore, run_id)
    return data if seen == value else orjson.dumps(seen)


async def restored_texts(
    parts: Services, who: Caller, runs: Sequence[RunLine], spans: Mapping[str, Span]
) -> Mapping[str, Span]:
    """Return spans with the values that the caller may see in their texts. Raises ``Unavailable``.

    Only of a trace of one run: rules are about a run, and a text of another one must not be shown by them.
    """
    restore = await parts.security.restores.of(who.org_id, reader_of(who))
    if restore is None or len(runs) != 1:
        return spans
    (run,) = runs
    # What calls have read has no label of its own, so it is the least trusted.
    label = labels_of(None).whole
    shown = [Shown([one.status_message, one.attributes], label, "trace", one.span_id) for one in spans.values()]
    values = await restore.values(subject_of(run), shown)
    await record(parts, who, restore, run.id)
    return {
        span_id: structs.replace(one, status_message=value[0], attributes=value[1])
        for (span_id, one), value in zip(spans.items(), values, strict=True)
    }


def _object_label(run: StoredRun, steps: Iterable[StoredStep], sha256: str) -> Label:
    """Return the label of all of a run's references to an object. Raises ``NotFound`` if there is none."""
    inputs = _input_labels(run)
    found: list[Label] = []
    for name, reference in (run.stored_inputs or {}).items():
        if reference.get("sha256") == sha256:
            found.append(inputs.at((name,)).whole)
    outputs = [*(run.output or {}).values(), *(step.output for step in steps if step.output is not None)]
    found += [labels_of(one.get("labels")).whole for one in outputs if one.get("sha256") == sha256]
    if not found:
        raise NotFound(f"run {run.id} has no reference to {sha256[:12]} among its inputs and outputs")
    return joined(found)


async def restored_run(
    parts: Services, who: Caller, run: StoredRun, steps: list[StoredStep]
) -> tuple[StoredRun, list[StoredStep]]:
    """Return a run and its steps with the values that the caller may see in place of tokens. Raises ``Unavailable``."""
    restore = await parts.security.restores.of(who.org_id, reader_of(who))
    if restore is None:
        return run, steps
    of, labels = subject_of(run), _input_labels(run)
    inputs, output = run.inputs or {}, {node: one for node, one in (run.output or {}).items() if _is_inline(one)}
    shown = [Shown(value, labels.at((name,)).whole, "run", f"inputs.{name}") for name, value in inputs.items()]
    shown += [_shown(one, "run", f"output.{node}", node) for node, one in output.items()]
    given = [step for step in steps if step.output is not None and _is_inline(step.output)]
    shown += [_shown(step.output or {}, "step", step.step_id, step.node_id) for step in given]
    values = iter(await restore.values(of, shown))
    seen = replace(
        run,
        inputs=None if run.inputs is None else {name: next(values) for name in inputs},
        output=None
        if run.output is None
        else run.output | {node: {**output[node], "value": next(values)} for node in output},
    )
    steps_seen = {id(step): replace(step, output={**(step.output or {}), "value": next(values)}) for step in given}
    await record(parts, who, restore, run.id)
    return seen, [steps_seen.get(id(step), step) for step in steps]


async def restored_steps(parts: Services, who: Caller, run_id: str, steps: list[StoredStep]) -> list[StoredStep]:
    """Return steps of a run with the values that the caller may see. Raises ``Unavailable``."""
    restore = await parts.security.restores.of(who.org_id, reader_of(who))
    given = [step for step in steps if step.output is not None and _is_inline(step.output)]
    if restore is None or not given:
        return steps
    run = await parts.runs.history.status(who.org_id, run_id)
    if run is None:
        raise await parts.runs.known.unknown(run_id)
    shown = [_shown(step.output or {}, "step", step.step_id, step.node_id) for step in given]
    values = await restore.values(subject_of(run), shown)
    found = {
        id(step): replace(step, output={**(step.output or {}), "value": value})
        for step, value in zip(given, values, strict=True)
    }
    await record(parts, who, restore, run_id)
    return [found.get(id(step), step) for step in steps]


async def shown_steps(parts: Services, who: Caller, run_id: str, steps: list[StoredStep]) -> list[StoredStep]:
    """Return steps of a run with their outputs, as the caller may see them. Raises ``Unavailable``."""
    if steps and (reading := await reading_of(parts, who)) is not None:
        run = await parts.runs.history.status(who.org_id, run_id)
        if run is None:
            raise await parts.runs.known.unknown(run_id)
        steps = [seen_step(reading, subject_of(run), step) for step in steps]
        await record(parts, who, reading, run_id)
    steps = [await opened_step(parts.runs.objects, who.org_id, step) for step in steps]
    return await restored_steps(parts, who, run_id, steps)


async def require_readable(parts: Services, who: Caller, run_ids: Iterable[str], kind: str) -> None:
    """Raise ``Forbidden`` unless the caller may see all that these runs were given and gave.

    It guards what cannot be shown in parts: texts of calls, records, comparisons.
    """
    reading = await reading_of(parts, who)
    if reading is None:
        return
    try:
        for run_id in run_ids:
            if not await _is_readable(parts, reading, who.org_id, run_id, kind):
                raise Forbidden(f"the policy {reading.policy} does not let this key see all of run {run_id}")
    finally:
        await record(parts, who, reading, "")


async def readable_texts(parts: Services, who: Caller, run_ids: Iterable[str]) -> bool:
    """Return whether the caller may see the texts of a trace with these runs."""
    reading = await reading_of(parts, who)
    if reading is None:
        return True
    found = [await _is_readable(parts, reading, who.org_id, one, "trace") for one in dict.fromkeys(run_ids)]
    await record(parts, who, reading, "")
    return all(found)


async def record(parts: Services, who: Caller, reading: Reading | ReaderRestore, subject: str) -> None:
    """Put what a policy decided into the audit log, if anything matched. Raises ``Unavailable``."""
    if not reading.decisions:
        return
    denied = any(one.enforced and one.verdict == "deny" for one in reading.decisions)
    event = AuditEvent(
        event_id=f"read/{uuid.uuid4()}",
        org_id=who.org_id,
        actor=who.actor,
        action="policy.read",
        subject=subject,
        decision="denied" if denied else "allowed",
        at_ms=now_ms(),
        kind="denial" if denied else "decisions",
        run_id=subject,
        policy=reading.policy,
        decisions=reading.decisions[:MAX_DECISIONS],
        count=len(reading.decisions),
    )
    await parts.runs.appender.append([OutRecord(AUDIT_EVENTS, who.org_id.encode(), encode(event))])


async def _is_readable(parts: Services, reading: Reading, org_id: str, run_id: str, kind: str) -> bool:
    """Return whether all of a run may be seen. A run that history does not have yet has shown nothing."""
    found = await parts.runs.history.get(org_id, run_id, step_outputs=True)
    if found is None:
        return True
    run, steps = found
    given: list[Mapping[str, Any]] = [*(run.output or {}).values()]
    given += [step.output for step in steps if step.output is not None]
    label = joined((_input_labels(run).whole, *(labels_of(one.get("labels")).whole for one in given)))
    return reading.whole(subject_of(run), label, kind).verdict == "allow"


def _shown(payload: Mapping[str, Any], kind: str, path: str, node: str) -> Shown:
    return Shown(payload.get("value"), labels_of(payload.get("labels")).whole, kind, path, node)


def _is_inline(payload: Mapping[str, Any]) -> bool:
    return payload.get("kind") == "inline"


def _input_labels(run: StoredRun) -> Labels:
    return labels_of((run.security or {}).get("inputs"))
