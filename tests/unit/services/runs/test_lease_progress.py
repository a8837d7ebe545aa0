"""Progress that a user's own worker sends: what of it is kept until its attempt ends."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.objects.store import LocalObjects
from connectors.redis.claims.lease_desk import Offer
from connectors.redis.claims.lent_attempts import Extended, Lease, Lent, new_secret
from schemas.errors import PrivacyRefused, StepError
from schemas.records.steps import StepRequest, ToolCall
from services.privacy.subjects.outcomes import OutcomeSeals
from services.privacy.subjects.sealed_objects import SubjectObjects
from services.privacy.vault.memory import MemoryVault, memory_vault
from services.runs.leasing.leases import LentRules, StepLeases
from topics.catalogue import lane
from topics.codec import encode

SUBJECT = "sub_" + "b" * 32
TOPIC = lane("bronze")
PROGRESS = orjson.dumps({"page": 7, "of": "Larkspur Lane 9"})


class Claims:
    """One lease, and what is kept of its progress."""

    def __init__(self, request: StepRequest) -> None:
        self._lent = Lent("w-1", encode(request), 1, is_running=True)
        self.kept = b""

    async def find(self, _lease: Lease) -> Lent:
        return self._lent

    async def extend(self, _lease: Lease, progress: bytes) -> Extended:
        self.kept = progress
        return Extended("extended", lease_ms=1)


class Denies:
    """A policy that takes nothing of a step."""

    async def progress(self, _request: StepRequest, _value: Any) -> Any:
        raise StepError("privacy_refused", "it holds email")


def request(subject: str = "") -> StepRequest:
    return StepRequest(
        run_id="run-1",
        org_id="acme",
        workflow_name="flow",
        workflow_version=1,
        step_id="a",
        node_id="a",
        attempt=1,
        tier="bronze",
        work=ToolCall(name="theirs"),
        requested_at_ms=1,
        subject=subject,
    )


@pytest.fixture
def vault() -> MemoryVault:
    return memory_vault(cache_s=0)


def leases(claims: Claims, vault: MemoryVault, folder: Path, **more: Any) -> StepLeases:
    objects = SubjectObjects(LocalObjects(folder), vault.keys)
    seals: Any = OutcomeSeals(objects, vault.keys, None)  # type: ignore[arg-type] - it waits for nothing here
    parts: dict[str, Any] = {"desk": object(), "claims": claims, "objects": objects, "appender": None, "seals": seals}
    return StepLeases(**(parts | more))


async def test_progress_of_a_run_with_a_subject_is_sealed_and_comes_back(tmp_path: Path, vault: MemoryVault) -> None:
    asked = request(SUBJECT)
    claims = Claims(asked)
    steps, lease = leases(claims, vault, tmp_path), Lease("run-1", asked.request_id, TOPIC, new_secret())
    await steps.extend(TOPIC, lease.text, PROGRESS)
    assert b"Larkspur" not in claims.kept
    offer = Offer("ask", lease.text, TOPIC, encode(asked), claims.kept, 2)
    found = await steps._bound(offer)
    assert found is not None
    assert found.progress == PROGRESS
    await vault.keys.erase("acme", SUBJECT)
    await steps.extend(TOPIC, lease.text, PROGRESS)
    assert claims.kept == b""


async def test_progress_of_other_runs_is_kept_as_it_is(tmp_path: Path, vault: MemoryVault) -> None:
    asked = request()
    claims = Claims(asked)
    await leases(claims, vault, tmp_path).extend(
        TOPIC, Lease("run-1", asked.request_id, TOPIC, new_secret()).text, PROGRESS
    )
    assert claims.kept == PROGRESS


async def test_without_a_vault_nothing_is_kept_of_a_subject(tmp_path: Path, vault: MemoryVault) -> None:
    asked = request(SUBJECT)
    claims = Claims(asked)
    lease = Lease("run-1", asked.request_id, TOPIC, new_secret())
    await leases(claims, vault, tmp_path, seals=None).extend(TOPIC, lease.text, PROGRESS)
    assert claims.kept == b""


async def test_what_the_policy_refuses_is_a_typed_refusal(tmp_path: Path, vault: MemoryVault) -> None:
    asked = request()
    claims = Claims(asked)
    lease = Lease("run-1", asked.request_id, TOPIC, new_secret())
    with pytest.raises(PrivacyRefused, match="progress: it holds email"):
        await leases(claims, vault, tmp_path, rules=LentRules(Denies())).extend(TOPIC, lease.text, PROGRESS)
    assert claims.kept == b""
