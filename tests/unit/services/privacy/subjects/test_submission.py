"""Submissions of runs with a data subject."""

from pathlib import Path
from typing import Any

import pytest

from connectors.objects.store import LocalObjects
from schemas.errors import InvalidInput, SubjectErased
from schemas.privacy.sealed import condition_key, is_sealed, length_key
from schemas.spec.rules_version import OUTCOMES
from services.privacy.subjects.personal import looks_personal
from services.privacy.subjects.sealed_objects import SubjectObjects
from services.privacy.subjects.submission import SubjectRuns
from services.privacy.vault.keys import VaultKeys
from services.privacy.vault.memory import memory_vault
from tests.support.runs import ORG, function, resolved, submitted

ID = "person-77"
FLOW = resolved(
    function("a", condition="inputs.x > inputs.y"),
    function("b", condition="inputs.x > 5"),
    function("c", parallel=True, items="{{docs.list}}"),
)


@pytest.fixture
def keys() -> VaultKeys:
    return memory_vault().keys


@pytest.fixture
def runs(tmp_path: Path, keys: VaultKeys) -> SubjectRuns:
    return SubjectRuns(SubjectObjects(LocalObjects(tmp_path), keys), keys, looks_personal)


async def sealed(runs: SubjectRuns, **inputs: Any) -> Any:
    subject = await runs.admit(ORG, ID, FLOW, {})
    return await runs.sealed(submitted(FLOW, inputs=inputs, subject=subject))


async def test_every_input_is_sealed_and_the_rules_ask_nothing_more(runs: SubjectRuns) -> None:
    record = await sealed(runs, x=7, y=9, docs={"list": [1, 2]})
    assert record.inputs == {"x": None, "y": None, "docs": None}
    assert all(is_sealed(one) for one in record.stored_inputs.values())
    assert record.rules_version == OUTCOMES
    x, y = record.stored_inputs["x"], record.stored_inputs["y"]
    assert x.decided == {
        condition_key("inputs.x > inputs.y", [("x", x.sha256), ("y", y.sha256)]): False,
        condition_key("inputs.x > 5", [("x", x.sha256)]): True,
    }
    assert record.stored_inputs["docs"].decided == {length_key(["list"]): 2}


async def test_inputs_that_were_not_given_are_left_to_the_rules(runs: SubjectRuns) -> None:
    record = await sealed(runs, docs={"list": []})
    assert list(record.stored_inputs) == ["docs"]


async def test_an_erased_person_is_refused_before_anything_is_written(runs: SubjectRuns, keys: VaultKeys) -> None:
    subject = await runs.admit(ORG, ID, FLOW, {})
    await keys.erase(ORG, subject)
    with pytest.raises(SubjectErased):
        await runs.admit(ORG, ID, FLOW, {})


@pytest.mark.parametrize(
    ("clear", "said"),
    [
        ({"tags.who": "Person-77"}, "subject's id"),
        ({"end_user": "anna.miller@example.org"}, "looks like personal data"),
    ],
)
async def test_personal_data_in_clear_is_refused(runs: SubjectRuns, clear: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        await runs.admit(ORG, ID, FLOW, clear)
    assert "anna" not in str(refused.value)


async def test_a_body_hash_is_keyed(runs: SubjectRuns) -> None:
    subject = await runs.admit(ORG, ID, FLOW, {})
    other = await runs.admit(ORG, "person-78", FLOW, {})
    first = await runs.keyed_hash(ORG, subject, "a" * 64)
    assert first == await runs.keyed_hash(ORG, subject, "a" * 64)
    assert first not in ("a" * 64, await runs.keyed_hash(ORG, other, "a" * 64))
