"""Sealed secrets open under their key, at their place, unchanged, and in no other case."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.kms.sealing import Cipher, EnvelopeKey, EnvelopeKeys, UnreadableError

OLD, NEW = EnvelopeKey.of("o" * 32), EnvelopeKey.of("n" * 32)
SECRET = b"sk-" + b"very-secret-" * 9


def test_a_sealed_secret_opens_again() -> None:
    for secret in (b"", b"x", SECRET, bytes(range(256))):
        assert OLD.open(OLD.seal(secret, "a/b"), "a/b") == secret


def test_a_secret_is_sealed_differently_each_time() -> None:
    first, second = OLD.seal(SECRET, "a/b"), OLD.seal(SECRET, "a/b")
    assert first != second
    assert SECRET not in first
    # With one stream of blocks for both, the ciphertexts would be equal from here on.
    assert first[33:-32] != second[33:-32]
    assert first[:1] == b"\x02"


def test_a_secret_in_the_form_before_still_opens() -> None:
    nonce, key = bytes(12), bytes(range(32))
    sealed = b"\x01" + nonce + AESGCM(key).encrypt(nonce, SECRET, b"a/b")
    assert Cipher(key).open(sealed, b"a/b") == SECRET
    with pytest.raises(UnreadableError):
        Cipher(key).open(sealed, b"a/c")
    with pytest.raises(UnreadableError, match="upgrade"):
        Cipher(key).open(b"\x03" + sealed[1:], b"a/b")


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(UnreadableError):
        NEW.open(OLD.seal(SECRET, "a/b"), "a/b")


def test_another_place_does_not_open_it() -> None:
    with pytest.raises(UnreadableError):
        OLD.open(OLD.seal(SECRET, "provider-key/acme/openai"), "provider-key/other/openai")


def test_a_changed_byte_does_not_open() -> None:
    sealed = OLD.seal(b"short-key", "a/b")
    for place in range(len(sealed)):
        damaged = bytearray(sealed)
        damaged[place] ^= 1
        with pytest.raises(UnreadableError):
            OLD.open(bytes(damaged), "a/b")
    for length in range(len(sealed)):
        with pytest.raises(UnreadableError):
            OLD.open(sealed[:length], "a/b")


def test_the_key_before_still_opens() -> None:
    sealed = OLD.seal(SECRET, "a/b")
    assert EnvelopeKeys(NEW, OLD).open(OLD.id, sealed, "a/b") == SECRET
    with pytest.raises(UnreadableError, match="VAULT_KEY_BEFORE"):
        EnvelopeKeys(NEW).open(OLD.id, sealed, "a/b")


def test_errors_and_representations_have_no_secret() -> None:
    key = EnvelopeKey.of("k" * 32)
    assert "k" * 32 not in repr(EnvelopeKeys(key))
    assert repr(key) == f"EnvelopeKey(id='{key.id}')"
    with pytest.raises(UnreadableError) as raised:
        key.open(OLD.seal(SECRET, "a/b"), "a/b")
    assert SECRET.decode() not in str(raised.value)


def test_a_short_envelope_key_is_refused_with_a_way_to_make_one() -> None:
    with pytest.raises(ValueError, match=r"VAULT_KEY has fewer than 32 .* openssl rand") as raised:
        EnvelopeKeys.of("too-short-a-key")
    assert "too-short-a-key" not in str(raised.value)
    with pytest.raises(ValueError, match="VAULT_KEY_BEFORE"):
        EnvelopeKeys.of("", "b" * 32)
    assert EnvelopeKeys.of("") is None
