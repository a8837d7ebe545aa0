"""A user's credentials of NATS: the JWT as it is, and nonces signed by the seed."""

import base64
import binascii
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from nats.errors import Error as NatsError

from connectors.nats.credentials import signed_nonce, user_jwt

#: The two first bytes of a seed of a user: "SU" in base32.
_USER = bytes([18 << 3 | 20 << 3 >> 5, (20 << 3 & 31) << 3])


def seed_of(key: Ed25519PrivateKey) -> str:
    body = _USER + key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return base64.b32encode(body + binascii.crc_hqx(body, 0).to_bytes(2, "little")).decode().rstrip("=")


def written(folder: Path, seed: str) -> str:
    path = folder / "user.creds"
    path.write_text(
        f"-----BEGIN NATS USER JWT-----\neyJ0.eyJq.c2ln\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
    return str(path)


def test_nonce_is_signed_by_the_key_of_the_seed(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    seed = seed_of(key)
    assert seed.startswith("SU")
    path = written(tmp_path, seed)
    assert user_jwt(path) == b"eyJ0.eyJq.c2ln"
    key.public_key().verify(base64.b64decode(signed_nonce(path, "n0nce")), b"n0nce")


def test_damaged_seed_is_refused_and_not_shown(tmp_path: Path) -> None:
    seed = seed_of(Ed25519PrivateKey.generate())
    damaged = seed[:10] + ("A" if seed[10] != "A" else "B") + seed[11:]
    with pytest.raises(NatsError, match="is damaged or no user's") as caught:
        signed_nonce(written(tmp_path, damaged), "n")
    assert damaged not in str(caught.value)


def test_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(NatsError, match="cannot be read"):
        user_jwt(str(tmp_path / "none"))
