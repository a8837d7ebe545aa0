"""Policies by hash, as workers know them from ``definitions``."""

from typing import Any

import pytest

from schemas.errors import Unavailable
from schemas.policies.read import read_policy
from schemas.records.base import Json
from schemas.records.definitions import Definition
from services.security.enforcement.known import KnownPolicies

POLICY = read_policy({"name": "support", "rules": [{"id": "r", "at": "output", "verdict": "deny"}]})


def record(body: dict[str, Json], version: int = 1, **more: Any) -> Definition:
    return Definition(kind="policy", org_id="acme", id="support", version=version, body=body, changed_at_ms=0, **more)


def test_a_policy_is_found_by_the_hash_of_its_document() -> None:
    known = KnownPolicies()
    known.apply(record(POLICY.document))
    enforced = known.of("acme", POLICY.hash, "enforce")
    assert enforced.policy == POLICY
    assert known.of("acme", POLICY.hash, "enforce") is enforced
    assert (enforced.mode, known.of("acme", POLICY.hash, "shadow").mode) == ("enforce", "shadow")


def test_a_superseded_version_stays_and_nothing_withdraws_it() -> None:
    known = KnownPolicies()
    newer = read_policy({"name": "support", "rules": []})
    known.apply(record(POLICY.document))
    known.apply(record(newer.document, 2))
    known.apply(record({}, 1, deleted=True))
    assert known.of("acme", POLICY.hash, "enforce").policy == POLICY
    assert known.of("acme", newer.hash, "enforce").policy == newer


def test_an_unknown_hash_is_unavailable_and_never_a_pass() -> None:
    known = KnownPolicies()
    with pytest.raises(Unavailable, match="may not have been read yet"):
        known.of("acme", POLICY.hash, "enforce")
    known.apply(record(POLICY.document))
    known.apply(Definition(kind="stop", org_id="acme", id="s", body={}, changed_at_ms=0))
    known.mark_loaded()
    for org, policy_hash in (("acme", "0" * 64), ("other", POLICY.hash)):
        with pytest.raises(Unavailable, match="is not known to this worker"):
            known.of(org, policy_hash, "enforce")
