"""Sealed data opens for its key, subject, organisation, version and purpose, and in no other case."""

import pytest

from connectors.kms.sealing import UnreadableError
from services.privacy.vault.data_key import SEALED_OVERHEAD, DataKey, new_material, version_of

FIRST = new_material()
KEY = DataKey.of("acme", "sub_1", {1: FIRST}, 1)


def test_data_opens_again_and_is_sealed_differently_each_time() -> None:
    for plain in (b"", b"x", bytes(range(256)) * 40):
        sealed = KEY.seal(plain, b"inputs")
        assert KEY.open(sealed, b"inputs") == plain
        assert len(sealed) == len(plain) + SEALED_OVERHEAD
        assert KEY.seal(plain, b"inputs") != sealed


def test_it_opens_for_nobody_and_nothing_else() -> None:
    sealed = KEY.seal(b"value", b"inputs")
    others = [
        DataKey.of("acme", "sub_2", {1: FIRST}, 1),
        DataKey.of("acm", "esub_1", {1: FIRST}, 1),
        DataKey.of("other", "sub_1", {1: FIRST}, 1),
        DataKey.of("acme", "sub_1", {1: new_material()}, 1),
    ]
    for other in others:
        with pytest.raises(UnreadableError):
            other.open(sealed, b"inputs")
    with pytest.raises(UnreadableError):
        KEY.open(sealed, b"outputs")


def test_a_changed_byte_or_a_cut_does_not_open() -> None:
    sealed = KEY.seal(b"value", b"")
    for place in range(len(sealed)):
        with pytest.raises(UnreadableError):
            KEY.open(sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :], b"")
        with pytest.raises(UnreadableError):
            KEY.open(sealed[:place], b"")


def test_versions_before_open_and_the_newest_seals() -> None:
    old = DataKey.of("acme", "", {1: FIRST}, 1)
    both = DataKey.of("acme", "", {1: FIRST, 2: new_material(FIRST[32:])}, 2)
    assert both.open(old.seal(b"before", b""), b"") == b"before"
    assert version_of(both.seal(b"now", b"")) == 2
    with pytest.raises(UnreadableError):
        old.open(both.seal(b"now", b""), b"")


def test_names_are_keyed_and_survive_a_new_version() -> None:
    after = DataKey.of("acme", "sub_1", {1: FIRST, 2: new_material(FIRST[32:])}, 2)
    assert KEY.name("email", "a@example.com") == after.name("email", "a@example.com")
    assert KEY.name("email", "a@example.com") != KEY.name("phone", "a@example.com")
    assert KEY.name("email", "a@example.com") != DataKey.of("acme", "sub_2", {1: new_material()}, 1).name("email", "")


def test_a_key_shows_nothing_of_itself() -> None:
    assert FIRST.hex() not in repr(KEY)
    assert repr(KEY) == "DataKey(org_id='acme', subject='sub_1', version=1)"
    with pytest.raises(UnreadableError, match="length"):
        DataKey.of("acme", "", {1: b"short"}, 1)
