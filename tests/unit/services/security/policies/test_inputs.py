"""Inputs of runs, as a policy's section ``privacy`` lets them into the log."""

from typing import Any

import pytest

from schemas.errors import InvalidInput, PrivacyRefused, StepError, TooLarge, Unavailable
from schemas.labels.label import Integrity
from schemas.policies.read import read_policy
from schemas.records.base import Json
from schemas.records.security.pinned import UNDECLARED
from schemas.spec.hash import resolve
from schemas.spec.model import WorkflowSpec
from services.privacy.redact.redactors import Redactors
from services.security.policies.active import Active
from services.security.policies.inputs import Entered, Entry
from services.security.policies.pinning import Pinning
from tests.support.privacy import OF, TOKEN, FakeDetectors, Vault, redactors

MAILS: dict[str, Json] = {"id": "mails", "kinds": ["email"], "action": "token", "at": ["log"]}
SPEC = resolve(
    WorkflowSpec.model_validate(
        {
            "name": "flow",
            "version": 1,
            "dag": {
                "nodes": [{"id": "a", "type": "function", "config": {"function_name": "count.words"}}],
                "edges": [],
            },
        }
    ),
    {},
)


class Activated:
    def __init__(self, section: dict[str, Json] | None) -> None:
        policy = read_policy({"name": "private"} | ({} if section is None else {"privacy": section}))
        self.active = Active(policy, 1, "enforce", policy.hash)

    async def of(self, org_id: str) -> Active:
        return self.active


async def entering(
    inputs: dict[str, Any],
    section: dict[str, Json] | None = None,
    tags: dict[str, str] | None = None,
    made: Redactors | None = None,
    **more: Any,
) -> Entered:
    pinning = Pinning(Activated(section), lambda *_: UNDECLARED, made or redactors(**more))
    security = await pinning.of("acme", Integrity.USER, SPEC)
    assert security is not None
    return await pinning.entered(Entry(OF, "flow", inputs, tags or {}, "hash"), security)


async def test_values_become_tokens_and_what_stays_is_labelled() -> None:
    inputs = {"to": "ann@acme.org", "card": "4111111111111111"}
    found = await entering(inputs, {"redact": [MAILS]}, {"team": "red"})
    assert TOKEN.fullmatch(found.inputs["to"])
    assert found.security.inputs == {"$": ["user"], "$.card": ["user", "class:card"]}
    assert [one.rule for one in found.decisions] == ["privacy:mails"]


async def test_the_hash_of_a_body_that_had_values_is_keyed() -> None:
    vault = Vault()
    first = await entering({"to": "ann@acme.org"}, {"redact": [MAILS]}, vault=vault)
    again = await entering({"to": "ann@acme.org"}, {"redact": [MAILS]}, vault=vault)
    assert first.body_hash == again.body_hash != "hash"
    kept = await entering({"to": "ann@acme.org"}, {"redact": [{**MAILS, "at": ["provider"]}]}, vault=vault)
    assert kept.body_hash == "hash"


async def test_the_data_of_signals_is_redacted_too() -> None:
    pinning = Pinning(Activated({"redact": [MAILS]}), lambda *_: UNDECLARED, redactors())
    found = await pinning.signalled(OF, "flow", {"to": ["ann@acme.org"]})
    assert TOKEN.fullmatch(found.value["to"][0])
    plain = Pinning(Activated(None), lambda *_: UNDECLARED, redactors())
    assert (await plain.signalled(OF, "flow", "ann@acme.org")).value == "ann@acme.org"


async def test_without_a_section_nothing_is_looked_at() -> None:
    detectors = FakeDetectors()
    inputs = {"to": "ann@acme.org"}
    assert (await entering(inputs, detectors=detectors)).inputs is inputs
    assert detectors.asked == 0


async def test_personal_data_in_tags_is_refused() -> None:
    with pytest.raises(PrivacyRefused, match="tags: they hold email, and tags are not redacted"):
        await entering({}, {"redact": [MAILS]}, {"user": "ann@acme.org"})


async def test_the_id_of_a_key_is_ours_and_no_secret_of_a_tag() -> None:
    await entering({}, {"redact": [MAILS]}, {"agentflow.api_key": "ann@acme.org"})


async def test_what_is_denied_is_refused_with_its_decisions() -> None:
    with pytest.raises(PrivacyRefused, match="inputs: it holds email") as refused:
        await entering({"to": "ann@acme.org"}, {"redact": [{**MAILS, "action": "deny"}]})
    assert isinstance(refused.value, InvalidInput)
    assert [one.verdict for one in refused.value.decisions] == ["deny"]


async def test_nothing_is_accepted_that_could_not_be_looked_at() -> None:
    vault, detectors = Vault(), FakeDetectors()
    vault.down = True
    with pytest.raises(Unavailable, match="vault: inputs cannot be redacted now"):
        await entering({"to": "ann@acme.org"}, {"redact": [MAILS]}, vault=vault)
    detectors.fault = RuntimeError("ann@acme.org")
    with pytest.raises(PrivacyRefused, match="cannot be looked at") as refused:
        await entering({"to": "ann@acme.org"}, {"redact": [MAILS]}, detectors=detectors)
    assert "ann@acme.org" not in str(refused.value)
    detectors.fault = StepError("privacy_failed", "over 4 characters", details={"reason": "too_large"})
    with pytest.raises(TooLarge, match="inputs: over 4 characters"):
        await entering({"to": "ann@acme.org"}, {"redact": [MAILS]}, detectors=detectors)


async def test_a_process_without_a_vault_accepts_nothing_that_is_to_be_redacted() -> None:
    pinning = Pinning(Activated({"redact": [MAILS]}), lambda *_: UNDECLARED)
    security = await pinning.of("acme", Integrity.USER, SPEC)
    assert security is not None
    with pytest.raises(PrivacyRefused, match="no vault"):
        await pinning.entered(Entry(OF, "flow", {}, {}, "hash"), security)


async def test_detectors_that_cannot_be_made_accept_nothing() -> None:
    def broken(_: object) -> Any:
        raise ValueError("no such engine")

    vault = Vault()
    made = Redactors(broken, vault, vault.keys)
    with pytest.raises(PrivacyRefused, match="cannot be done"):
        await entering({}, {"redact": [MAILS]}, made=made)
