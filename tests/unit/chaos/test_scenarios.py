"""What runs must become is worked out apart from the system, and agrees with it where both can be asked."""

from collections import Counter

import pytest

from connectors.prices.book import PriceBook
from connectors.providers.local import model, tokens
from connectors.providers.local.behaviour import LocalBehaviour
from schemas.records.base import Usage
from schemas.spec.model import WorkflowSpec
from tests.chaos.scenarios import answers
from tests.chaos.scenarios.nodes import MODEL_NAME
from tests.chaos.stack import ERROR_RATE
from tests.chaos.workflows import NOWHERE, ORGS, SCENARIOS, submission

TEXTS = ("", "Say something short about a word", "a" * 40, "Don't stop.  One\ttwo\n" * 60, "Größe: 5 €")
NUMBERS = range(1, 800)


@pytest.mark.parametrize("text", TEXTS)
def test_answer_tokens_and_price_are_those_of_the_model(text: str) -> None:
    found = model.answer(model.ECHO, text, 1_000)
    assert answers.echo(text) == found.text
    assert (answers.tokens(text), answers.tokens(found.text)) == (found.input_tokens, found.output_tokens)
    assert answers.tokens(text) == tokens.count(text)
    usage = Usage(input_tokens=found.input_tokens, output_tokens=found.output_tokens)
    assert answers.price(text, found.text) == PriceBook.load().cost("local", MODEL_NAME, usage)


def test_refusal_is_that_of_the_model() -> None:
    behaviour = LocalBehaviour(error_rate=ERROR_RATE)
    keys = [f"run:ask:{number}" for number in range(500)]
    refused = [answers.is_refused("run", "ask", number) for number in range(500)]
    assert refused == [behaviour.fault(key) == "error" for key in keys]
    assert any(refused)


@pytest.mark.parametrize(
    ("expected", "value", "same"),
    [
        ({"a": [1, answers.ANY_TEXT]}, {"a": [1, "whatever"]}, True),
        ({"a": answers.ANY_TEXT}, {"a": 1}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1, 2], [2, 1], False),
        (1, True, False),
        (None, None, True),
    ],
)
def test_value_fits_what_is_expected(expected: object, value: object, same: bool) -> None:
    assert answers.fits(expected, value) is same


def test_long_value_is_judged_by_its_hash() -> None:
    long = "x" * (answers.LONGEST + 1)
    assert answers.shown(long) != answers.shown(f"{long}x")
    assert answers.shown("short") == "short"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_workflow_is_right(scenario) -> None:
    WorkflowSpec.model_validate(scenario.document)


def test_seed_gives_the_same_runs_of_every_scenario_and_organisation() -> None:
    made = [submission(3, number) for number in NUMBERS]
    assert made == [submission(3, number) for number in NUMBERS]
    assert {one.body["workflow_name"] for one in made} == {scenario.name for scenario in SCENARIOS} | {NOWHERE}
    assert {one.org for one in made} == set(ORGS)
    assert len({one.run_id for one in made}) == len(NUMBERS)


def test_runs_come_in_their_shares() -> None:
    made = [submission(5, number) for number in range(1, 1_001)]
    names = Counter(one.body["workflow_name"] for one in made)
    whole = sum(scenario.share for scenario in SCENARIOS)
    assert all(abs(names[one.name] - 1_000 * one.share / whole) < 50 for one in SCENARIOS)
    assert 200 < sum(one.over_topic for one in made) < 400


def test_doomed_run_is_refused_as_often_as_it_may_try() -> None:
    made = [submission(3, number) for number in NUMBERS]
    doomed = [one for one in made if one.body["workflow_name"] == "chaos_doomed"]
    assert len(doomed) > 5
    assert all(answers.is_refused(one.run_id, "ask", attempt) for one in doomed for attempt in (1, 2))


def test_bad_submission_goes_over_the_topic_and_is_no_expected_run() -> None:
    bad = [one for one in (submission(3, number) for number in NUMBERS) if one.bad]
    assert bad
    assert all(one.over_topic and one.body["workflow_name"] == NOWHERE for one in bad)
    assert Counter(one.bad for one in bad) == {"not_found": len(bad)}
