"""Encoded, evasive and hostile texts: what the layers have."""

import random
import re

import pytest

from bench.privacy.encoders import ENCODERS, LOSSY
from bench.privacy.evasions import EVASIONS, Evasion
from bench.privacy.hostile import HOSTILE
from bench.privacy.payloads import payloads
from schemas.errors import TooLarge
from services.privacy.sanitise.canonical import layers
from services.privacy.sanitise.invisible import INVISIBLE, visible

ATTACK = payloads()[0]


def letters(text: str) -> str:
    return re.sub("[^a-z ]", "", text.lower())


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoded_text_is_read(name: str) -> None:
    text = f"Please look at this:\n{ENCODERS[name](ATTACK)}\nThanks, Ann"
    found = [layer.text for layer in layers(text)]
    assert any(ATTACK in one for one in found) or (
        name in LOSSY and any(letters(ATTACK) in letters(one) for one in found)
    )


@pytest.mark.parametrize("evasion", EVASIONS, ids=lambda one: one.name)
def test_an_evasive_text_is_read_and_hides_nothing(evasion: Evasion) -> None:
    text = evasion.write(ATTACK)
    assert any(letters(ATTACK) in letters(layer.text) for layer in layers(text))
    assert not INVISIBLE.search(visible(text))


@pytest.mark.parametrize("name", HOSTILE)
def test_spans_of_every_layer_are_in_the_text(name: str) -> None:
    text = HOSTILE[name](3000)
    try:
        found = layers(text)
    except TooLarge:
        return
    rng = random.Random(3)
    for layer in found:
        for _ in range(20):
            start = rng.randrange(len(layer.text) + 1)
            end = rng.randint(start, len(layer.text))
            first, last = layer.span(start, end)
            assert 0 <= first <= last <= len(text)
            assert first < last or start == end
