"""Facts in memory: the newest version counts in whatever order they come, and absence proves nothing at first."""

import pytest

from schemas.compliance.facts import FactsDocument, FactsEntry, StoredFacts
from schemas.errors import BadRecord, Unavailable
from schemas.records.definitions import Definition
from services.security.compliance.known import KnownFacts


def definition(version: int, region: str, org_id: str = "acme") -> Definition:
    entry = FactsEntry(route="openai", regions=(region,))
    body = StoredFacts(version=version, facts=FactsDocument(providers=(entry,))).body()
    return Definition(
        kind="provider_facts", org_id=org_id, id="facts", version=version, body=body, changed_at_ms=version
    )


def test_the_newest_version_counts_in_its_organisation() -> None:
    known = KnownFacts()
    for one in (definition(2, "eu"), definition(1, "us"), definition(1, "jp", "other")):
        known.apply(one)
    known.mark_loaded()
    assert [known.of(org).of("openai", "m").regions for org in ("acme", "other", "third")] == [("eu",), ("jp",), None]
    assert known.of("acme").version == 2


def test_nothing_is_known_before_the_topic_was_read() -> None:
    known = KnownFacts()
    known.apply(definition(1, "eu"))
    with pytest.raises(Unavailable):
        known.of("acme")


def test_a_body_without_facts_is_a_bad_record() -> None:
    wrong = Definition(kind="provider_facts", org_id="acme", id="facts", body={"version": 1}, changed_at_ms=1)
    with pytest.raises(BadRecord):
        KnownFacts().apply(wrong)
