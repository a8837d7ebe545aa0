"""Values in place of tokens: in texts, JSON, and streams that are split anywhere."""

import json
import random

import pytest

from schemas.privacy.tokens import MAX_GAP, make
from services.privacy.vault.restore import StreamRestore, as_json_text, restore_json, restore_text, tokens_in

RANDOM = random.Random(3)
MAIL, PHONE, CARD = (make(kind, RANDOM.getrandbits(60)) for kind in ("email", "phone", "card"))
UNKNOWN = make("name", 7)
VALUES = {MAIL: "ann@example.com", PHONE: "+1 202 555 0100", CARD: None}


def test_known_tokens_are_replaced_and_others_stay() -> None:
    text = f"Write to {MAIL} or call **{PHONE.lower()}**, pay {CARD}, ask {UNKNOWN}."
    assert restore_text(text, VALUES) == (
        f"Write to ann@example.com or call **+1 202 555 0100**, pay {CARD}, ask {UNKNOWN}."
    )
    assert restore_text(text, {}) == text
    assert restore_text("", VALUES) == ""


def test_a_value_that_looks_like_a_token_is_not_restored_again() -> None:
    assert restore_text(f"a {MAIL} b", {MAIL: PHONE, PHONE: "x"}) == f"a {PHONE} b"


def test_a_value_that_replaces_a_token_in_json_text_is_escaped() -> None:
    values = {MAIL: 'a"b\\c\nd'}
    text = json.dumps({"to": MAIL})
    assert json.loads(restore_text(text, values, as_json_text)) == {"to": values[MAIL]}


def test_json_is_restored_in_texts_and_keys() -> None:
    value = {"to": [MAIL, {"n": 1, PHONE: None}], "x": True}
    assert tokens_in(value) >= {MAIL, PHONE}
    assert restore_json(value, VALUES) == {"to": ["ann@example.com", {"n": 1, "+1 202 555 0100": None}], "x": True}


def test_tokens_side_by_side_are_all_restored() -> None:
    assert restore_text(MAIL + PHONE + MAIL, VALUES) == "ann@example.com+1 202 555 0100ann@example.com"


TEXTS = [
    f"Write to {MAIL} or call {PHONE}.",
    f"{MAIL}",
    f"a{MAIL}{PHONE.lower()}b",
    f"E {' '.join(MAIL)} EM {PHONE[:9]}\n{PHONE[9:]} {UNKNOWN} {CARD} TEL",
    f"{MAIL[:-1]} {MAIL} **{MAIL[:4]}\\_{MAIL[4:]}** {MAIL[:9]}     {MAIL[9:]}",
    f"EMEML{MAIL} EML_{MAIL} {MAIL[:10]}{MAIL}",
    f"a\\n{MAIL[:9]}\\n{MAIL[9:]} b\\t{PHONE}\\n",
    f"no token at all, Emily tells everybody {MAIL[:8]}",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_stream_that_is_split_anywhere_gives_what_the_whole_text_gives(text: str) -> None:
    whole = restore_text(text, VALUES)
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            stream = StreamRestore(VALUES)
            parts = [stream.feed(one) for one in (text[:first], text[first:second], text[second:])]
            assert "".join([*parts, stream.end()]) == whole
    stream = StreamRestore(VALUES)
    assert "".join([*map(stream.feed, text), stream.end()]) == whole


def test_random_texts_of_pieces_of_tokens_are_restored_the_same_in_a_stream() -> None:
    pieces = [MAIL, PHONE, MAIL[:5], MAIL[5:], "EML", "_", " ", "x", "E", "0", PHONE[:-2], PHONE[-2:], "\n", "te"]
    for _ in range(400):
        text = "".join(RANDOM.choices(pieces, k=RANDOM.randint(1, 12)))
        stream, out, rest = StreamRestore(VALUES), "", text
        while rest:
            length = RANDOM.randint(1, 6)
            out += stream.feed(rest[:length])
            rest = rest[length:]
        assert out + stream.end() == restore_text(text, VALUES)


def test_only_the_beginning_of_a_live_token_is_held_back() -> None:
    stream = StreamRestore(VALUES)
    assert stream.feed("Dear Sir, I write to ") == "Dear Sir, I write to "
    assert stream.feed("you in time") == "you in tim"  # the token of an e-mail address begins with E
    assert stream.feed(", ") == "e, "
    assert stream.held == 0
    assert stream.feed(f"me {MAIL[:6]}") == "me "
    assert stream.held == 6
    assert stream.feed("?!") == f"{MAIL[:6]}?!"
    # No live token begins like this one.
    assert stream.feed(UNKNOWN[:8]) == UNKNOWN[:8]
    assert stream.feed(CARD[:8]) == CARD[:8]
    assert StreamRestore({}).feed(MAIL[:5]) == MAIL[:5]


def test_a_token_is_out_whole_with_its_last_character() -> None:
    stream = StreamRestore(VALUES)
    assert [stream.feed(letter) for letter in MAIL] == [""] * (len(MAIL) - 1) + ["ann@example.com"]


def test_what_is_held_is_bounded() -> None:
    stream = StreamRestore(VALUES)
    stream.feed(MAIL[0])
    held = []
    for _ in range(200):
        stream.feed(" ")
        held.append(stream.held)
    assert max(held) == MAX_GAP + 1
    assert held[-1] == 0
    assert stream.end() == ""
