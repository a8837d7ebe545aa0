"""Payloads of data subjects: nothing plain leaves, and nothing opens after the key is gone."""

from pathlib import Path

import msgspec
import pytest

from connectors.objects.store import CorruptObject, LocalObjects
from schemas.errors import Forbidden, SubjectErased, Unavailable
from schemas.payload import Inline, Reference
from schemas.privacy.sealed import condition_key, is_sealed, length_key, subject_of
from schemas.privacy.wants import Sealing, Want
from services.privacy.subjects.sealed_objects import SubjectObjects
from services.privacy.vault.keys import VaultKeys
from services.privacy.vault.memory import memory_vault

ORG = "acme"
ANNA = "sub_" + "a" * 32
BERT = "sub_" + "b" * 32
SECRET = "Anna lives in Larkspur Lane 9"


@pytest.fixture
def keys() -> VaultKeys:
    return memory_vault().keys


@pytest.fixture
def objects(tmp_path: Path, keys: VaultKeys) -> SubjectObjects:
    return SubjectObjects(LocalObjects(tmp_path), keys)


def stored_bytes(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


async def sealed(objects: SubjectObjects, value: object, *wants: Want, subject: str = ANNA) -> Reference:
    payload = await objects.to_payload(ORG, value, sealing=Sealing(subject, wants))
    assert isinstance(payload, Reference)
    return payload


async def test_a_small_value_travels_sealed_inside_its_reference(objects: SubjectObjects, tmp_path: Path) -> None:
    reference = await sealed(objects, {"note": SECRET})
    record = msgspec.json.encode(reference)
    assert SECRET.encode() not in record
    assert b"Larkspur" not in record
    assert is_sealed(reference)
    assert subject_of(reference) == ANNA
    assert stored_bytes(tmp_path) == b""
    assert await objects.resolve(ORG, reference) == {"note": SECRET}


async def test_a_large_value_is_stored_as_sealed_bytes(objects: SubjectObjects, tmp_path: Path) -> None:
    value = [SECRET] * 2_000
    reference = await sealed(objects, value)
    assert reference.uri.startswith(f"sealed+objects:///{ORG}/{ANNA}/")
    assert reference.length == 2_000
    assert reference.size > 50_000
    assert stored_bytes(tmp_path)
    assert b"Larkspur" not in stored_bytes(tmp_path)
    assert await objects.resolve(ORG, reference) == value
    assert await objects.part(ORG, reference, [1_999]) == SECRET


async def test_a_limit_of_bytes_inside_the_record_is_kept(objects: SubjectObjects) -> None:
    payload = await objects.to_payload(ORG, {"note": "x" * 300}, most=100, sealing=Sealing(ANNA))
    assert isinstance(payload, Reference)
    assert payload.uri.startswith("sealed+objects:///")


async def test_equal_values_are_sealed_as_other_bytes(objects: SubjectObjects) -> None:
    assert (await sealed(objects, "yes")).sha256 != (await sealed(objects, "yes")).sha256


async def test_after_the_key_is_destroyed_nothing_opens_and_nothing_is_sealed(
    objects: SubjectObjects, keys: VaultKeys
) -> None:
    small, large = await sealed(objects, SECRET), await sealed(objects, [SECRET] * 2_000)
    other = await sealed(objects, "mine", subject=BERT)
    assert await objects.part(ORG, large, [0]) == SECRET
    await keys.erase(ORG, ANNA)
    for reading in (objects.resolve(ORG, small), objects.part(ORG, large, [0]), objects.get(ORG, large)):
        with pytest.raises(SubjectErased):
            await reading
    with pytest.raises(SubjectErased):
        await sealed(objects, "more")
    assert await objects.resolve(ORG, other) == "mine"


async def test_bytes_of_one_subject_do_not_open_as_those_of_another(objects: SubjectObjects) -> None:
    reference = await sealed(objects, SECRET)
    await sealed(objects, "of Bert", subject=BERT)
    moved = msgspec.structs.replace(reference, uri=reference.uri.replace(ANNA, BERT))
    with pytest.raises(CorruptObject):
        await objects.resolve(ORG, moved)


async def test_a_large_value_of_another_organisation_is_refused(objects: SubjectObjects) -> None:
    with pytest.raises(Forbidden):
        await objects.resolve("other", await sealed(objects, [SECRET] * 2_000))


async def test_changed_bytes_are_found(objects: SubjectObjects) -> None:
    reference = await sealed(objects, SECRET)
    changed = msgspec.structs.replace(reference, uri=reference.uri[:-4] + "AAAA")
    with pytest.raises(CorruptObject):
        await objects.resolve(ORG, changed)


async def test_what_a_fold_decides_by_is_decided_before_sealing(objects: SubjectObjects) -> None:
    good, lost = "judge.output.score > 7", "judge.output.missing == 1"
    wants = (Want(text=good, source="judge"), Want(text=lost, source="judge"), Want(path=["parts"]), Want(path=["no"]))
    reference = await sealed(objects, {"score": 9, "parts": [1, 2, 3]}, *wants)
    assert reference.decided == {
        condition_key(good): True,
        condition_key(lost): False,
        length_key(["parts"]): 3,
        length_key(["no"]): None,
    }


async def test_values_without_a_subject_are_as_before(objects: SubjectObjects) -> None:
    assert await objects.to_payload(ORG, {"a": 1}) == Inline(value={"a": 1})
    reference = await objects.to_payload(ORG, ["x" * 70_000])
    assert isinstance(reference, Reference)
    assert not is_sealed(reference)
    assert await objects.part(ORG, reference, [0]) == "x" * 70_000


async def test_a_store_without_keys_refuses_to_seal(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="VAULT_KEY"):
        await LocalObjects(tmp_path).to_payload(ORG, SECRET, sealing=Sealing(ANNA))
