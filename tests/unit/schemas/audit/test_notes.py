"""Signed notes and checkpoints."""

import base64

import pytest

from schemas.audit.notes import BadNote, Checkpoint, PublicKey, SigningKey

KEY = SigningKey("example.test/audit", bytes(range(32)))
OTHER = SigningKey("example.test/audit", bytes(32))
CHECKPOINT = Checkpoint("example.test/audit/acme", 7, bytes(32), 1_764_000_000_000)


def test_a_checkpoint_is_text_of_origin_size_root_and_time() -> None:
    text = CHECKPOINT.text
    assert text == f"example.test/audit/acme\n7\n{base64.b64encode(bytes(32)).decode()}\ntime 1764000000000\n"
    assert Checkpoint.read(text) == CHECKPOINT
    assert Checkpoint.read(text + "more of another version\n") == CHECKPOINT


def test_a_note_is_verified_by_its_key() -> None:
    note = KEY.signed(CHECKPOINT.text)
    assert note.startswith(CHECKPOINT.text + "\n— example.test/audit ")
    assert KEY.public.verified(note) == CHECKPOINT.text
    assert KEY.signed(CHECKPOINT.text) == note


def test_the_public_key_is_read_from_its_text() -> None:
    text = KEY.public.text
    assert PublicKey.read(text + "\n") == KEY.public
    name, key_id, data = text.split("+", 2)
    assert name == "example.test/audit"
    assert len(key_id) == 8
    assert base64.b64decode(data)[0] == 1


def test_a_vector_of_rfc_8032() -> None:
    """The first test of RFC 8032, 7.1, signs nothing; the third signs two bytes. Here: the public keys of both."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    assert SigningKey("k", seed).public.raw.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def test_signatures_of_others_beside_ours_are_left_alone() -> None:
    ours = KEY.signed(CHECKPOINT.text)
    witness = SigningKey("witness.test", bytes(32)).signed(CHECKPOINT.text).removeprefix(CHECKPOINT.text + "\n")
    assert KEY.public.verified(ours + witness) == CHECKPOINT.text


@pytest.mark.parametrize(
    "note",
    [
        OTHER.signed(CHECKPOINT.text),
        KEY.signed(CHECKPOINT.text).replace("\n7\n", "\n8\n"),
        KEY.signed(CHECKPOINT.text)[:-1],
        CHECKPOINT.text,
        "",
        CHECKPOINT.text + "\n— example.test/audit !!!!\n",
        KEY.signed(CHECKPOINT.text).replace("—", "-"),
    ],
)
def test_what_the_key_did_not_sign_is_refused(note: str) -> None:
    with pytest.raises(BadNote):
        KEY.public.verified(note)


@pytest.mark.parametrize("text", ["", "a+b", "a+00000000+" + base64.b64encode(b"\x02" + bytes(32)).decode()])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        PublicKey.read(text)


def test_a_key_whose_id_does_not_fit_is_refused() -> None:
    text = KEY.public.text.replace("+" + KEY.public.id.hex(), "+00000000")
    with pytest.raises(BadNote, match="fit"):
        PublicKey.read(text)


@pytest.mark.parametrize("text", ["", "o\n07\nAAAA\ntime 1\n", "o\n7\nAAAA\ntime 1\n", CHECKPOINT.text[:-19]])
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        Checkpoint.read(text)


def test_the_secret_is_in_no_text_of_the_key() -> None:
    assert bytes(range(32)).hex() not in repr(KEY)
