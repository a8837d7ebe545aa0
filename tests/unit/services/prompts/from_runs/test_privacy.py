"""Rows of datasets: what a policy takes out of them with the real detectors, and that what fails leaves no row."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.objects.store import LocalObjects
from connectors.postgres.datasets import DatasetVersion
from connectors.postgres.history.runs import RunFilter
from schemas.errors import InvalidInput, PrivacyRefused, Unavailable
from schemas.policies.read import read_policy
from schemas.privacy.document import Privacy
from schemas.prompts.evaluations import Case
from schemas.records.base import Json
from schemas.records.definitions import AuditEvent
from schemas.records.run_events import Capture
from schemas.records.security.pinned import Mode
from services.privacy.redact.redactors import Redactors
from services.privacy.redact.standard import detectors_of
from services.prompts.from_runs.cases import CasePorts, CasesOfRuns, FoundCases, WantedSteps
from services.prompts.from_runs.datasets import DatasetsOfRuns, Named
from services.prompts.from_runs.privacy import REFUSED, TOO_LARGE
from services.security.policies.active import Active
from tests.support.privacy import FakeDetectors, Vault
from tests.support.recorded_runs import ORG, History
from topics.catalogue import AUDIT_EVENTS
from topics.codec import decode

WANTED = WantedSteps(runs=RunFilter(workflow="flow"))
#: By kind: its class, words around it, and a value that appears nowhere else.
PLANTED = {
    "email": ("pii", "Write to {} today", "ada.lovelace@analytical.example.org"),
    "phone": ("pii", "Call me at {} please", "+49 30 901820"),
    "card": ("card", "My card is {} now", "4539 1488 0343 6467"),
    "iban": ("pii", "IBAN: {}", "DE89 3704 0044 0532 0130 00"),
    "bank_account": ("pii", "routing number {} at the bank", "021000021"),
    "ssn": ("pii", "SSN {}", "536-22-8145"),
    "national_id": ("pii", "steuer-id {}", "86095742719"),
    "passport": ("pii", "passport number {}", "C01X00T47"),
    "driver_license": ("pii", "driver license {}", "D1234567"),
    "ip": ("pii", "server ip {}", "203.0.113.77"),
    "mac": ("pii", "mac {}", "00:1B:44:11:3A:B7"),
    "url": ("pii", "see {} for it", "https://intern.acme-corp.io/x?y=1"),
    "date_of_birth": ("pii", "born on {} in Rome", "12 March 1984"),
    "address": ("pii", "lives at {}, London", "221B Baker Street"),
    "name": ("pii", "Dear Mr. {},", "John Smith"),
    "api_key": ("secret", "key {}", "sk-ant-api03-" + "Zx9" * 31 + "AA"),
    "password": ("secret", "password: {}", "Tr0ub4dorXyz"),
    "connection_string": ("secret", "dsn {}", "postgres://bob:hunter2pw@db.acme.io:5432/x"),
    "jwt": (
        "secret",
        "token {}",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    ),
    "employee": ("staff", "of {} here", "EMP-77123"),
}
OURS = [{"id": "ours", "kind": "employee", "pattern": "EMP-[0-9]{5}", "data_class": "staff"}]
CLASSES = ["pii", "card", "secret", "staff"]


def rules(action: str, *, at: str = "dataset", **more: Json) -> dict[str, Any]:
    return {"rules_of_ours": OURS, "redact": [{"id": "all", "classes": CLASSES, "action": action, "at": [at], **more}]}


_READY: dict[tuple[int, int], Any] = {}


def _compiled(section: Privacy) -> Any:
    """Return the real detectors, which take most of a second to compile; they differ by their limits alone."""
    key = (section.limits.text_chars, len(section.rules_of_ours))
    if key not in _READY:
        _READY[key] = detectors_of(section)
    return _READY[key]


@dataclass
class Activated:
    """One active policy, or none."""

    section: dict[str, Any] | None
    mode: Mode = "enforce"

    async def of(self, org_id: str) -> Active | None:
        if self.section is None:
            return None
        policy = read_policy({"name": "private", "privacy": self.section})
        return Active(policy, 3, self.mode, policy.hash)


@dataclass
class Stored:
    """The store of datasets, and the log before it: ``order`` is what was written, in order."""

    cases: list[Case] = field(default_factory=list)
    audited: list[AuditEvent] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    async def create(
        self, org_id: str, name: str, cases: list[Case], *, author: str, message: str
    ) -> tuple[DatasetVersion, bool]:
        self.cases = cases
        self.order.append("dataset")
        return DatasetVersion(name, 1, "h", len(cases), author, message, 0), True

    async def append(self, records: Any) -> None:
        self.audited += [decode(AUDIT_EVENTS, one.value) for one in records]
        self.order.append("audit")


@dataclass
class Site:
    """What makes datasets, over a run and a policy."""

    folder: Path
    history: Any
    active: Activated
    detectors: Any = None
    vault: Vault = field(default_factory=Vault)
    stored: Stored = field(default_factory=Stored)
    capture: Capture = "full"

    async def make(self) -> FoundCases:
        detect = _compiled if self.detectors is None else lambda _: self.detectors
        ports = CasePorts(
            history=self.history,
            definitions=self.history,
            objects=LocalObjects(self.folder),
            active=self.active,
            redactors=Redactors(detect, self.vault, self.vault.keys),
            capture=self.capture,
        )
        to: Any = self.stored
        made = DatasetsOfRuns(CasesOfRuns(ports), to, to, lambda: 7)
        return (await made.make(Named(org_id=ORG, name="rows", author="key_1"), WANTED))[2]

    @property
    def rows(self) -> str:
        return msgspec.json.encode(self.stored.cases).decode()


def planted_run(kind: str) -> History:
    """Return a run with the value in a text, deep in an input, and in what was answered."""
    _, around, value = PLANTED[kind]
    text = around.format(value)
    return History({"kind": "inline", "value": {"said": text}}, inputs={"who": {"list": ["kept words", text]}})


def reference(size: int) -> dict[str, Any]:
    return {"kind": "inline", "value": "x" * size}


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize("action", ["mask", "drop", "hash", "token", "fake"])
async def test_no_planted_value_of_any_kind_is_stored(tmp_path: Path, kind: str, action: str) -> None:
    site = Site(tmp_path, planted_run(kind), Activated(rules(action)))
    found = await site.make()
    of_class, _, value = PLANTED[kind]
    assert value not in site.rows
    assert value.replace(" ", "") not in site.rows
    assert found.redacted[of_class][kind] in {2, 4}  # of a name its title is another
    assert "kept words" in site.rows
    assert site.stored.order == ["audit", "dataset"]
    (event,) = site.stored.audited
    assert (event.action, event.subject, event.policy, event.details[kind]) == (
        "dataset",
        "rows",
        "private@3",
        str(found.redacted[of_class][kind]),
    )
    assert value not in msgspec.json.encode(site.stored.audited).decode()


@pytest.mark.parametrize("kind", PLANTED)
async def test_without_a_policy_the_value_is_there_so_that_these_tests_can_fail(tmp_path: Path, kind: str) -> None:
    site = Site(tmp_path, planted_run(kind), Activated(None))
    found = await site.make()
    assert PLANTED[kind][2] in site.rows
    assert (found.redacted, site.stored.cases[0].labels, site.stored.order) == ({}, {}, ["dataset"])


async def test_what_stays_gives_its_row_a_data_class(tmp_path: Path) -> None:
    site = Site(tmp_path, planted_run("email"), Activated(rules("keep")))
    found = await site.make()
    assert found.redacted == {}
    labels = site.stored.cases[0].labels
    assert "class:pii" in labels["$.expected.said"]
    assert "class:pii" in labels["$.inputs.who.list[1]"]


async def test_rules_at_the_log_count_for_datasets_and_those_of_other_places_do_not(tmp_path: Path) -> None:
    for at, is_there in (("log", False), ("provider", True)):
        site = Site(tmp_path, planted_run("email"), Activated(rules("mask", at=at)))
        await site.make()
        assert (PLANTED["email"][2] in site.rows) is is_there


async def test_a_rule_in_shadow_mode_is_recorded_and_changes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, planted_run("email"), Activated(rules("mask"), "shadow"))
    found = await site.make()
    assert PLANTED["email"][2] in site.rows
    assert found.redacted == {}
    assert [one.enforced for one in site.stored.audited[0].decisions] == [False]


async def test_a_row_that_a_rule_denies_is_left_out_with_its_reason(tmp_path: Path) -> None:
    site = Site(tmp_path, planted_run("card"), Activated(rules("deny")))
    with pytest.raises(InvalidInput, match=f"1 left out: {REFUSED}"):
        await site.make()
    assert site.stored.order == []


async def test_a_row_that_is_too_large_to_be_searched_is_left_out(tmp_path: Path) -> None:
    history = History(reference(4_000), inputs={"who": "Ada"})
    site = Site(tmp_path, history, Activated(rules("mask") | {"limits": {"text_chars": 1_024}}))
    with pytest.raises(InvalidInput, match=f"1 left out: {TOO_LARGE}"):
        await site.make()


async def test_a_detector_that_crashes_refuses_the_whole_and_nothing_is_written(tmp_path: Path) -> None:
    detectors = FakeDetectors()
    detectors.fault = RuntimeError("the secret ada@acme.org broke it")
    site = Site(tmp_path, planted_run("email"), Activated(rules("mask")), detectors=detectors)
    with pytest.raises(PrivacyRefused) as caught:
        await site.make()
    assert "ada@acme.org" not in str(caught.value)
    assert site.stored.order == []


async def test_a_vault_that_is_down_refuses_for_now_and_nothing_is_written(tmp_path: Path) -> None:
    site = Site(tmp_path, planted_run("email"), Activated(rules("token")))
    site.vault.down = True
    with pytest.raises(Unavailable):
        await site.make()
    assert site.stored.order == []


async def test_an_audit_log_that_is_down_leaves_no_dataset(tmp_path: Path) -> None:
    site = Site(tmp_path, planted_run("email"), Activated(rules("mask")))

    async def down(_: Any) -> None:
        raise Unavailable("kafka", "down")

    site.stored.append = down  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await site.make()
    assert site.stored.order == []


async def test_labels_of_a_run_travel_to_its_rows_value_by_value(tmp_path: Path) -> None:
    output = {"kind": "inline", "value": "fine", "labels": {"$": ["web", "class:health"]}}
    security = {"inputs": {"$": ["user"], "$.who": ["third_party", "class:legal"]}}
    site = Site(tmp_path, History(output, inputs={"who": "Ada"}, security=security), Activated(None))
    await site.make()
    assert site.stored.cases[0].labels == {
        "$": ["trusted"],
        "$.expected": ["web", "class:health"],
        "$.inputs.who": ["third_party", "class:legal"],
    }


async def test_a_run_without_labels_is_trusted_least_once_there_is_a_policy(tmp_path: Path) -> None:
    site = Site(tmp_path, planted_run("email"), Activated({}))
    await site.make()
    assert site.stored.cases[0].labels["$.inputs.who"][0] == "web"


@pytest.mark.parametrize(("section", "is_made"), [(rules("mask"), True), (rules("keep"), False), ({}, False)])
async def test_where_copies_are_limited_a_policy_that_takes_something_out_lets_rows_be_made(
    tmp_path: Path, section: dict[str, Any], is_made: bool
) -> None:
    site = Site(tmp_path, planted_run("email"), Activated(section), capture="redacted")
    if is_made:
        await site.make()
        assert PLANTED["email"][2] not in site.rows
    else:
        with pytest.raises(Exception, match="CAPTURE is redacted"):
            await site.make()
        assert site.stored.order == []
