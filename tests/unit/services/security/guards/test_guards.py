"""Guards of policies: what each refuses, and that one which fails lets nothing pass."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.errors import InvalidInput
from schemas.policies.guards import GuardRule
from schemas.policies.read import read_policy
from schemas.records.security.pinned import Decision
from services.security.guards.checks import Scorer, Told
from services.security.guards.guarded import Guards, guards_of
from services.security.guards.installed import installed_scorers

LENGTH: dict[str, Any] = {"id": "length", "kind": "max_length", "chars": 5}
WORDS: dict[str, Any] = {"id": "words", "kind": "banned_words", "words": ["straße", "bad word"]}
JSON: dict[str, Any] = {"id": "json", "kind": "schema", "json_schema": {"type": "object", "required": ["a"]}}
JUDGE: dict[str, Any] = {"id": "judge", "kind": "judge", "question": "It is polite."}
GROUNDED: dict[str, Any] = {"id": "grounded", "kind": "custom", "uses": "grounded", "threshold": 0.8}


def guards(*rules: dict[str, Any], scorers: Mapping[str, Scorer] | None = None, mode: str = "enforce") -> Guards:
    found = guards_of([GuardRule.model_validate(rule) for rule in rules], "flow", "node", "p", scorers or {}, mode)
    assert found is not None
    return found


async def refused(text: str, *rules: dict[str, Any], told: Told | None = None, **more: Any) -> tuple[str, bool] | None:
    error = await guards(*rules, **more).fault(text, told or Told(), [])
    return None if error is None else (error.code, error.retryable)


REFUSED, FAILED = ("guard_refused", False), ("guard_failed", True)


@pytest.mark.parametrize(
    ("rule", "text", "passes"),
    [
        (LENGTH, "12345", True),
        (LENGTH, "123456", False),
        (WORDS, "a badword is none", True),
        (WORDS, "A BAD WORD.", False),
        (WORDS, "Straßenbahn", True),
        (WORDS, "die Straße", False),
        (WORDS | {"whole_words": False}, "Straßenbahn", False),
        (JSON, '{"a": 1}', True),
        (JSON, '```json\n{"a": 1}\n```', True),
        (JSON, '{"b": 1}', False),
        (JSON, "a", False),
    ],
)
async def test_what_a_guard_refuses(rule: dict[str, Any], text: str, passes: bool):
    assert await refused(text, rule) == (None if passes else REFUSED)


async def test_a_refusal_names_the_guard_and_not_the_word():
    decisions: list[Decision] = []
    error = await guards(WORDS).fault("a bad word", Told(), decisions)
    assert str(error) == "guard 'words' refuses the answer: it has a banned word"
    assert error is not None
    assert error.details == {"guard": "words", "policy": "p"}
    (one,) = decisions
    assert (one.point, one.rule, one.verdict, one.enforced) == ("output", "guard:words", "deny", True)


async def test_in_shadow_mode_it_is_recorded_and_passes():
    for found in (guards(WORDS, mode="shadow"), guards(WORDS | {"mode": "shadow"})):
        decisions: list[Decision] = []
        assert await found.fault("a bad word", Told(), decisions) is None
        assert [one.enforced for one in decisions] == [False]
        assert (found.digest, found.hold) == ("", 0)


async def test_a_function_of_a_package_scores_an_answer_with_its_sources():
    def grounded(answer: str, sources: Any, options: Any) -> float:
        return 1.0 if any(answer in one for one in sources) else options.get("else", 0.0)

    async def later(answer: str, sources: Any, options: Any) -> float:
        return grounded(answer, sources, options)

    told = Told(["the sea is blue"])
    for scorer in (grounded, later):
        scorers = {"grounded": scorer}
        assert await refused("sea", GROUNDED, told=told, scorers=scorers) is None
        assert await refused("land", GROUNDED, told=told, scorers=scorers) == REFUSED
        assert await refused("land", GROUNDED | {"options": {"else": 0.8}}, told=told, scorers=scorers) is None


@pytest.mark.parametrize("score", [float("nan"), -0.1, 1.1, True, None, "1"])
async def test_what_is_no_score_lets_nothing_pass(score: Any):
    assert await refused("x", GROUNDED, scorers={"grounded": lambda *_: score}) == FAILED


async def test_a_guard_that_fails_or_is_not_there_or_takes_too_long_lets_nothing_pass():
    def broken(*_: Any) -> float:
        raise ConnectionError("no model")

    async def slow(*_: Any) -> float:
        await asyncio.Event().wait()
        return 1.0

    assert await refused("x", GROUNDED, scorers={"grounded": broken}) == FAILED
    assert await refused("x", GROUNDED) == FAILED
    assert await refused("x", GROUNDED | {"timeout_ms": 5}, scorers={"grounded": slow}) == FAILED
    assert await refused("x", JUDGE) == FAILED, "nobody can be asked"


async def test_guards_count_for_the_nodes_that_they_name():
    rules = [GuardRule.model_validate(WORDS | {"workflows": ["bill*"], "nodes": ["write"]})]
    assert guards_of(rules, "billing", "write", "p", {}, "enforce") is not None
    assert guards_of(rules, "billing", "read", "p", {}, "enforce") is None
    assert guards_of(rules, "mail", "write", "p", {}, "enforce") is None


def test_other_guards_have_another_digest():
    assert guards(WORDS).digest == guards(WORDS).digest != guards(WORDS, LENGTH).digest
    assert guards(WORDS).digest != guards(WORDS | {"words": ["x"]}).digest


@pytest.mark.parametrize(
    "rule",
    [
        {"id": "a", "kind": "max_length"},
        {"id": "a", "kind": "max_length", "chars": 5, "words": ["x"]},
        {"id": "a", "kind": "banned_words", "words": []},
        {"id": "a", "kind": "schema", "json_schema": {"type": "x"}},
        {"id": "a", "kind": "schema", "json_schema": {"pattern": "(?=a)"}},
        {"id": "a", "kind": "judge"},
        {"id": "a", "kind": "custom", "uses": "x", "threshold": 2.0},
        {"id": "a", "kind": "regex", "chars": 5},
        {"id": "a", "kind": "max_length", "chars": 5, "unknown": 1},
    ],
)
def test_a_guard_that_would_guard_nothing_is_refused(rule: dict[str, Any]):
    with pytest.raises(ValidationError):
        GuardRule.model_validate(rule)
    with pytest.raises(InvalidInput):
        read_policy({"name": "p", "guards": [rule]})


def test_a_policy_has_guards_and_its_hash_covers_them():
    plain, guarded = read_policy({"name": "p"}), read_policy({"name": "p", "guards": [WORDS, JSON]})
    assert plain.hash != guarded.hash
    assert read_policy(guarded.document).hash == guarded.hash
    with pytest.raises(InvalidInput, match="two guards 'words'"):
        read_policy({"name": "p", "guards": [WORDS, WORDS]})


def test_guards_of_packages_are_found_and_a_broken_one_is_left_out(caplog: pytest.LogCaptureFixture):
    class Point:
        def __init__(self, name: str, found: Any) -> None:
            self.name, self.value, self._found = name, f"package:{name}", found

        def load(self) -> Any:
            if isinstance(self._found, Exception):
                raise self._found
            return self._found

    points: Any = [Point("good", len), Point("broken", ImportError("no")), Point("number", 7)]
    assert set(installed_scorers(lambda: points)) == {"good"}
    assert len(caplog.records) == 2
