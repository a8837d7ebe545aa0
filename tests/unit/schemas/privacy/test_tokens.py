"""Tokens: their form, what a model may do to them, and what the check character refuses."""

import random
from urllib.parse import quote

import orjson
import pytest

from schemas.privacy import tokens
from schemas.privacy.kinds import KINDS

RANDOM = random.Random(18)
SAMPLE = [tokens.make(RANDOM.choice([*KINDS, "badge"]), RANDOM.getrandbits(60)) for _ in range(300)]


def found_in(text: str) -> list[str]:
    return [one.token for one in tokens.find(text)]


def test_a_token_shows_its_kind_and_needs_no_escape() -> None:
    for token in SAMPLE:
        assert tokens.is_token(token)
        assert len(token) == 17
        assert quote(token, safe="") == token
        assert orjson.dumps(token) == f'"{token}"'.encode()
    assert tokens.kind_of(tokens.make("email", 1)) == "email"
    assert tokens.make("email", 1).startswith("EML_")
    assert tokens.kind_of(tokens.make("badge", 1)) == ""


def test_different_bits_make_different_tokens() -> None:
    assert len({tokens.make("email", 1 << shift) for shift in range(60)}) == 60


@pytest.mark.parametrize(
    "written",
    [
        "{0}",
        "'{0}'",
        '"{0}"',
        "**{0}**",
        "`{0}`,",
        "_{0}_",
        "Write to {0}.",
        "mail:{0}?subject=x",
    ],
)
def test_a_token_is_found_inside_punctuation_and_markdown(written: str) -> None:
    for token in SAMPLE[:40]:
        text = written.format(token)
        span = next(one for one in tokens.find(text) if one.token == token)
        assert text[span.start : span.end] == token


def changes(token: str) -> list[str]:
    head, _, body = token.partition("_")
    half = len(body) // 2
    return [
        token.lower(),
        token.title(),
        head + body,
        f"{head} {body}",
        f"{head}-{body}",
        f"{head}\\_{body}",
        f"{head}_{body[:half]} {body[half:]}",
        f"{head}_{body[:half]}-\n{body[half:]}",
        f"{head}_{body[:half]}\n> {body[half:]}",
        " ".join(token),
        "\u200b".join(token),
        f"{head}: {body}",
        f"{head}_{body[:half]}\\n> **{body[half:]}",
        f"{head}**_{body}",
        token.replace("0", "O").replace("1", "l"),
    ]


def test_what_models_do_to_a_token_is_read_as_the_token() -> None:
    for token in SAMPLE:
        for changed in changes(token):
            text = f"a {changed} b"
            spans = [one for one in tokens.find(text) if one.token == token]
            assert [text[one.start : one.end] for one in spans] == [changed], changed


def test_one_wrong_character_or_two_swapped_ones_are_refused() -> None:
    for token in SAMPLE[:60]:
        for place, letter in enumerate(token):
            if letter == "_":
                continue
            for other in "0123456789ABCDEFGHJKMNPQRSTVWXYZ":
                changed = token[:place] + other + token[place + 1 :]
                if tokens.squeezed(changed) != tokens.squeezed(token):
                    assert token not in found_in(changed)
                    assert not tokens.is_token(changed)
        for place in range(4, len(token) - 1):
            swapped = token[:place] + token[place + 1] + token[place] + token[place + 2 :]
            if swapped != token:
                assert not tokens.is_token(swapped)


def test_a_token_that_lost_characters_is_reported_as_mangled() -> None:
    token = tokens.make("card", 123_456_789_012_345)
    assert tokens.mangled(f"pay {token[:-1]} now") == [token[:-1]]
    assert tokens.mangled(f"pay {token[:-1]}{'A' if token[-1] != 'A' else 'B'} now") != []
    assert tokens.mangled(f"pay {token}, and {token.lower()}") == []
    assert tokens.mangled(f"pay {token[:3].lower()}\\_{token[4:9]}-{token[9:-1]} now") != []
    assert tokens.mangled("pay CRD now, MAC_ADDRESS and KEY_OF_ALL_THINGS, DSN_2") == []


def test_what_is_far_apart_is_no_token() -> None:
    token = tokens.make("email", 987_654_321)
    assert found_in(token[:9] + " " * tokens.MAX_GAP + token[9:]) == [token]
    assert found_in(token[:9] + " " * (tokens.MAX_GAP + 1) + token[9:]) == []
    assert found_in("") == []


def test_prose_has_no_tokens() -> None:
    prose = "Please call the telephone number and tell Emily about the account, the key and the national address. " * 20
    assert found_in(prose) == []
    assert found_in(prose + "ß–é\ud800" + SAMPLE[0]) == [SAMPLE[0]]
