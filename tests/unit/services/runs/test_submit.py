"""Equal submissions at once: one of them is the first."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.objects.store import LocalObjects
from connectors.ports.engine import OutRecord
from connectors.redis.submission_markers import Marker, Receipt
from schemas.api_models.base import MAX_TAGS
from schemas.api_models.runs import SubmitRun
from schemas.errors import OrganisationMoving, PrivacyRefused, Unavailable
from schemas.labels.label import TRUSTED, Integrity, Label
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT
from schemas.records.security.pinned import Decision, RunSecurity
from schemas.spec.rules_version import LABELS
from schemas.trace_context import NO_CONTEXT, sender_context
from services.runs.known_runs import KnownRuns
from services.runs.large_inputs import LargeInputs
from services.runs.submit import SubmissionPorts, Submissions
from services.security.policies.inputs import Entered, Entry
from tests.support.values_doors import Parts
from topics.catalogue import AUDIT_EVENTS
from topics.codec import decode


class Markers(Parts):
    """The markers as Redis keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, Marker] = {}

    async def claim(self, receipts: Sequence[Receipt]) -> list[Any]:
        await asyncio.sleep(0)
        there = [self.found.get(one.run_id) for one in receipts]
        for one in receipts:
            self.found.setdefault(one.run_id, Marker(one.body_hash, None))
        return there

    async def confirm(self, receipts: Any) -> None:
        self.found |= {one.run_id: Marker(one.body_hash, one) for one in receipts}


class SlowLog:
    """Takes a moment to acknowledge, and fails while ``down``."""

    def __init__(self) -> None:
        self.down = False
        self.records: list[OutRecord] = []

    async def append(self, records: Sequence[OutRecord]) -> None:
        await asyncio.sleep(0.01)
        if self.down:
            raise Unavailable("kafka", "append: no broker answers")
        self.records += records


def api(
    markers: Any, log: SlowLog, directory: Path, known: KnownRuns | None = None, security: Any = None
) -> Submissions:
    """Return the submissions of one process of the API."""
    large = LargeInputs(LocalObjects(directory))
    ports = SubmissionPorts(
        plans=markers,
        markers=markers,
        history=markers,
        appender=log,
        large_inputs=large,
        known=known,
        security=security,
    )
    return Submissions(ports)


async def submit(to: Submissions, key: str | None = "key") -> bool:
    record = await to.prepare("acme", "api", key, SubmitRun(workflow_name="w", inputs={"v": 1}))
    return (await to.submit(record)).duplicate


async def test_of_ten_equal_submissions_at_once_one_is_no_duplicate(tmp_path: Path) -> None:
    markers, log = Markers(), SlowLog()
    processes = [api(markers, log, tmp_path) for _ in range(5)]
    said = await asyncio.gather(*(submit(one) for one in processes * 2))
    assert sorted(said) == [False] + [True] * 9


async def test_a_repeat_of_a_submission_with_an_unknown_outcome_is_a_duplicate(tmp_path: Path) -> None:
    markers, log = Markers(), SlowLog()
    log.down = True
    with pytest.raises(Unavailable):
        await submit(api(markers, log, tmp_path))
    log.down = False
    assert await submit(api(markers, log, tmp_path)) is True


async def test_submissions_without_an_id_are_no_duplicates(tmp_path: Path) -> None:
    markers, log = Markers(), SlowLog()
    assert [await submit(api(markers, log, tmp_path), None) for _ in range(2)] == [False, False]


async def test_a_sender_gives_its_trace_context_and_tags_that_are_not_given(tmp_path: Path) -> None:
    trace = sender_context(f"00-{'a' * 32}-{'b' * 16}-01", "vendor=1", "team=blue,user.id=ada,stage=test")
    body = SubmitRun(workflow_name="w", inputs={"v": 1}, tags={"team": "red"}, session="thread-1")
    record = await api(Markers(), SlowLog(), tmp_path).prepare("acme", "api", "k", body, trace, "key-1")
    assert (record.traceparent, record.tracestate) == (trace.traceparent, "vendor=1")
    assert record.tags == {
        "team": "red",
        "agentflow.session": "thread-1",
        "agentflow.api_key": "key-1",
        "agentflow.user": "ada",
        "stage": "test",
    }


async def test_baggage_takes_no_more_tags_than_a_run_may_have(tmp_path: Path) -> None:
    body = SubmitRun(workflow_name="w", inputs={"v": 1}, tags={f"t{n}": "x" for n in range(MAX_TAGS - 1)})
    record = await api(Markers(), SlowLog(), tmp_path).prepare(
        "acme", "api", "k", body, sender_context(None, None, "a=1,b=2")
    )
    assert len(record.tags) == MAX_TAGS


async def test_a_session_is_part_of_the_body_and_baggage_is_not(tmp_path: Path) -> None:
    to = api(Markers(), SlowLog(), tmp_path)
    plain, tagged, threaded = [
        await to.prepare("acme", "api", "k", SubmitRun(workflow_name="w", inputs={"v": 1}, **more), trace)
        for more, trace in (({}, NO_CONTEXT), ({}, sender_context(None, None, "a=1")), ({"session": "t"}, NO_CONTEXT))
    ]
    assert plain.body_hash == tagged.body_hash != threaded.body_hash


class Pins:
    """Pins a policy once there is one, and keeps the doors that it was called with."""

    def __init__(self, security: RunSecurity | None = None) -> None:
        self.security = security
        self.doors: list[Integrity] = []
        self.known: list[Labels | None] = []
        self.instead: dict[str, Any] = {}
        self.decisions: list[Decision] = []
        self.refused: Exception | None = None

    async def of(self, org_id: str, door: Integrity, spec: Any, known: Labels | None = None) -> RunSecurity | None:
        self.known.append(known)
        self.doors.append(door)
        return self.security

    async def entered(self, entry: Entry, security: RunSecurity) -> Entered:
        if self.refused is not None:
            raise self.refused
        body_hash = f"keyed {entry.body_hash}" if self.instead else entry.body_hash
        return Entered({**entry.inputs, **self.instead}, security, body_hash, self.decisions)

    async def for_spec(self, security: RunSecurity, org_id: str, spec: Any) -> RunSecurity:
        return security


async def test_a_policy_is_pinned_and_is_no_part_of_what_submissions_are_compared_by(tmp_path: Path) -> None:
    pins = Pins()
    submissions = api(Markers(), SlowLog(), tmp_path, security=pins)
    body = SubmitRun(workflow_name="w", inputs={"v": 1})
    before = await submissions.prepare("acme", "api", "key", body, door=Integrity.USER)
    pins.security = RunSecurity(policy="support@1", inputs={"$": ["user"]})
    after = await submissions.prepare("acme", "api", "key", body)
    assert (before.security, after.security) == (None, pins.security)
    assert (before.run_id, before.body_hash) == (after.run_id, after.body_hash)
    assert before.rules_version < LABELS <= after.rules_version
    labels = Labels({ROOT: TRUSTED, ("v",): Label(classes=frozenset({"pii"}))})
    await submissions.prepare("acme", "api", "key", body, door=Integrity.THIRD_PARTY, labels=labels)
    assert pins.known == [None, None, labels]
    pins.doors.pop()
    # A door that says nothing is that of another system.
    assert pins.doors == [Integrity.USER, Integrity.THIRD_PARTY]
    assert await submit(submissions) is False
    pins.security = RunSecurity(policy="support@2", inputs={"$": ["user"]})
    assert await submit(submissions) is True


async def test_inputs_are_redacted_before_their_record_and_the_audit_log_says_so_first(tmp_path: Path) -> None:
    log, pins = SlowLog(), Pins(RunSecurity(policy="private@1"))
    pins.instead = {"v": "[EML_1]"}
    pins.decisions = [Decision(point="output", rule="privacy:mails", verdict="redact", reason="found 1 email")]
    to = api(Markers(), log, tmp_path, security=pins)
    record = await to.prepare("acme", "api", "key", SubmitRun(workflow_name="w", inputs={"v": "ann@acme.org"}))
    assert record.inputs == {"v": "[EML_1]"}
    assert record.body_hash.startswith("keyed ")
    (audited,) = [decode(AUDIT_EVENTS, one.value) for one in log.records if one.topic == AUDIT_EVENTS]
    assert (audited.kind, audited.decision, audited.run_id) == ("decisions", "allowed", record.run_id)
    assert (audited.policy, audited.decisions[0].rule) == ("private@1", "privacy:mails")
    log.down = True
    with pytest.raises(Unavailable):
        await to.prepare("acme", "api", "key", SubmitRun(workflow_name="w", inputs={"v": "ann@acme.org"}))


async def test_refused_inputs_are_a_denial_in_the_audit_log(tmp_path: Path) -> None:
    log, pins = SlowLog(), Pins(RunSecurity(policy="private@1"))
    denied = Decision(point="output", rule="privacy:mails", verdict="deny", reason="found 1 email")
    pins.refused = PrivacyRefused("inputs: they hold email", [denied])
    to = api(Markers(), log, tmp_path, security=pins)
    with pytest.raises(PrivacyRefused):
        await to.prepare("acme", "api", "key", SubmitRun(workflow_name="w", inputs={"v": "ann@acme.org"}))
    (audited,) = [decode(one.topic, one.value) for one in log.records]
    assert (audited.kind, audited.decision, audited.reason) == ("denial", "denied", "found 1 email")


class AwayPlaces:
    """Organisations that are being moved."""

    def __init__(self, *away: str) -> None:
        self._away = away

    async def refused(self, org_ids: Any) -> dict[str, OrganisationMoving]:
        return {one: OrganisationMoving(f"organisation {one} is being moved") for one in set(org_ids) & set(self._away)}


async def test_a_group_takes_those_whose_organisation_is_here(tmp_path: Path) -> None:
    log = SlowLog()
    markers = Markers()
    ports = SubmissionPorts(
        plans=markers,  # type: ignore[arg-type]
        markers=markers,  # type: ignore[arg-type]
        history=markers,  # type: ignore[arg-type]
        appender=log,
        large_inputs=LargeInputs(LocalObjects(tmp_path)),
        places=AwayPlaces("gone"),  # type: ignore[arg-type]
    )
    submissions = Submissions(ports)
    body = SubmitRun(workflow_name="wf", inputs={"v": 1})
    records = [await submissions.prepare(org, "api", "key", body) for org in ("acme", "gone")]
    outcomes = await asyncio.gather(*map(submissions.submit, records), return_exceptions=True)
    assert isinstance(outcomes[1], OrganisationMoving)
    assert not isinstance(outcomes[0], BaseException)
    assert [decode("run-events", one.value).org_id for one in log.records] == ["acme"]
    with pytest.raises(OrganisationMoving):
        await submissions.submit_all(records)
