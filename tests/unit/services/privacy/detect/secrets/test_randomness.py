import random

import pytest

from bench.privacy.secret_templates import made
from services.privacy.detect.secrets.randomness import entropy, random_looking


@pytest.mark.parametrize("template", ["{h32}", "{h64}", "{a24}", "{a40}", "{w43}", "{l32}"])
def test_random_texts_look_random(template):
    rng = random.Random(3)
    found = sum(random_looking(made(template, rng)) for _ in range(300))
    assert found >= 290


@pytest.mark.parametrize(
    "text",
    [
        "getNumberOfOnChannelTokens",
        "my-service-account-2024",
        "cache_write_1h_tokens",
        "com.corp.security.TokenFilter",
        "src/app/models/user_token",
        "2024-05-01T10:00:00Z",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "12345678901234567890",
        "internationalisation",
        "short",
    ],
)
def test_names_paths_and_numbers_do_not(text):
    assert not random_looking(text)


def test_entropy_is_in_bits_per_character():
    assert entropy("") == 0
    assert entropy("aaaa") == 0
    assert entropy("abcd") == pytest.approx(2)
