"""Keyed hashes and fakes are the same under one key, and other ones under another."""

from schemas.privacy.tokens import find
from services.privacy.vault.data_key import DataKey, new_material
from services.privacy.vault.one_way import fake, hashed

ONE, TWO = (DataKey.of("acme", subject, {1: new_material()}, 1) for subject in ("sub_1", "sub_2"))


def test_a_hash_names_a_value_under_its_key_alone() -> None:
    assert hashed("email", "ann@example.com", ONE) == hashed("email", "ann@example.com", ONE)
    assert hashed("email", "ann@example.com", ONE) != hashed("email", "ann@example.com", TWO)
    assert hashed("email", "ann@example.com", ONE) != hashed("email", "bob@example.com", ONE)
    assert hashed("email", "ann@example.com", ONE).startswith("eml#")
    assert find(hashed("email", "ann@example.com", ONE)) == []


def test_a_fake_follows_from_the_key() -> None:
    assert fake("email", "ann@firm.com", ONE) == fake("email", "ann@firm.com", ONE)
    assert fake("email", "ann@firm.com", ONE) != fake("email", "ann@firm.com", TWO)
