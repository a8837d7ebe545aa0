"""Secrets in texts as people and programs write them, and what only looks like one. All are made from a seed."""

import dataclasses
from collections import Counter

import pytest

from bench.privacy.secret_texts import look_alikes, secrets
from services.privacy.detect.engine import Detectors
from services.privacy.detect.secrets.rules import SECRET_RULES, SHAPES


@pytest.fixture(scope="module")
def detectors() -> Detectors:
    return Detectors(SECRET_RULES)


def covers(detectors: Detectors, text: str, value: str) -> bool:
    at = text.index(value)
    return any(one.start <= at and at + len(value) <= one.end for one in detectors.find(text))


def test_made_secrets_are_found_whole(detectors):
    made = list(secrets(seed=11, each=2))
    missed = Counter(one.shape for one in made if not covers(detectors, one.text, one.value))
    assert len({one.shape for one in made}) >= 130
    assert sum(missed.values()) <= 0.05 * len(made), missed


def test_look_alikes_are_left_alone(detectors):
    texts = list(look_alikes(seed=11, each=2))
    flagged = Counter(name for name, text in texts if detectors.find(text))
    assert sum(flagged.values()) <= 0.03 * len(texts), flagged


def test_every_shape_has_a_name_of_its_own():
    assert len(SHAPES) >= 130
    assert len({one.name for one in SHAPES}) == len(SHAPES)


def test_triggers_hide_nothing(detectors):
    slow = Detectors([dataclasses.replace(rule, trigger="") for rule in SECRET_RULES])
    for one in secrets(seed=12):
        assert detectors.find(one.text) == slow.find(one.text), one.shape


def test_a_value_behind_its_key_in_json_is_found(detectors):
    found = detectors.find_in({"db": {"password": "Kestrel4711!"}, "clientSecret": "9fJx02kd71Qmz8Lp"})
    assert [one.path for one in found] == [("db", "password"), ("clientSecret",)]
    assert {one.finding.kind for one in found} == {"password", "api_key"}


def test_keys_that_name_something_else_are_no_context(detectors):
    value = {
        "password_policy": "at least 12 characters",
        "max_tokens": 4096,
        "token_type": "bearer",
        "secret_name": "prod/db",
    }
    assert detectors.find_in(value) == []
