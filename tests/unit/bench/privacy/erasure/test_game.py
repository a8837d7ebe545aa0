"""The people of a game of erasure, and the lines that come of one that was played."""

from collections import Counter

import pytest

from bench.privacy.erasure.game import Game, Played, Sizes, difference, without_money
from bench.privacy.erasure.people import ARCHIVE_CHARS, KINDS, PROMPT, workflows
from bench.privacy.erasure.scan import Searched, Trace
from bench.prove.privacy.erasure import AIMS, lines_of
from schemas.spec.check.workflow import check_spec
from schemas.spec.model import PinnedPrompt, WorkflowSpec

SIZES = Sizes(subjects=20, erased=5, kills=0, controls=2, seed=3)


@pytest.fixture
def game(tmp_path) -> Game:
    return Game(tmp_path, SIZES, lambda _said: None)


def figures(game: Game, **played) -> dict[str, float]:
    return {line.name: line.value for line in lines_of(game, Played(SIZES, **played))}


@pytest.mark.parametrize("kind", KINDS)
def test_workflow_of_each_kind_is_valid(kind):
    functions = ["text_splitter", "result_merger", "complexity_router"]
    spec = WorkflowSpec.model_validate(workflows()[kind])
    check_spec(
        spec, prompts={"person_note@1": PinnedPrompt(**PROMPT, hash="0" * 64)}, tools=["s3.fetch"], functions=functions
    )


def test_game_of_a_seed_is_the_same_and_no_erased_subject_is_another(game, tmp_path):
    again = Game(tmp_path, SIZES, lambda _said: None)
    assert (again.stem, again.erased) == (game.stem, game.erased)
    assert len(game.erased) == 5
    assert {one.number for one in game.erased}.isdisjoint(one.number for one in game.others)
    assert game.stem != game.control_stem


def test_bodies_name_the_subject_and_have_its_string(game):
    one = game.people[0]
    assert one.body("letter")["subject"] == one.id
    assert "subject" not in one.body("letter", named=False)
    assert one.string in one.body("letter")["inputs"]["text"]
    assert one.string in one.signal()["said"]
    assert len(one.body("archive")["inputs"]["text"]) > ARCHIVE_CHARS // 2 > 0


def test_a_game_without_traces_has_zeros_in_all_lines_with_a_floor(game):
    found = figures(game)
    assert found.keys() == {aim.name for aim in AIMS}
    assert not any(value for name, value in found.items() if name != "erasure_control_found")


def test_traces_of_erased_subjects_count_once_and_those_of_others_do_not(game):
    erased, other = game.erased[0].number, game.others[0].number
    traces = {Trace("Kafka", "plain", erased), Trace("Redis", "hex", erased), Trace("Kafka", "plain", other)}
    assert figures(game, found=Searched(traces=traces))["erased_traces"] == 1
    assert figures(game, readable_after=[game.erased[1].number], found=Searched(traces=traces))["erased_traces"] == 2


def test_a_string_that_nobody_can_be_found_for_is_a_trace(game):
    assert figures(game, found=Searched(traces={Trace("logs", "percent", -1)}))["erased_traces"] == 1


def test_what_a_restored_backup_shows_or_has_is_brought_back(game):
    one, two = (person.number for person in game.erased[:2])
    found = Searched(traces={Trace("objects", "plain", two)})
    assert figures(game, restored_readable=[one], restored_found=found)["erased_brought_back"] == 2


def test_answers_are_compared_without_money():
    one = {"status": "succeeded", "cost_usd": "0.1", "steps": [{"id": "a", "tokens": {"input": 1}, "output": "x"}]}
    other = {"status": "succeeded", "cost_usd": "0.2", "steps": [{"id": "a", "tokens": {"input": 2}, "output": "x"}]}
    assert without_money(one) == without_money(other)
    other["steps"][0]["output"] = "y"
    assert difference(without_money(one), without_money(other)) == ".steps[0].output: x became y"


def test_broken_runs_and_changed_subjects_are_counted(game):
    found = figures(
        game,
        broken={"r": "failed"},
        ends=Counter({"succeeded": 3}),
        changed={1: "a", 2: "b"},
        keys_left={"pg_wal": 3, "base": 1},
    )
    assert [found[name] for name in ("erasure_runs_broken", "erasure_others_changed", "erased_keys_in_files")] == [
        1,
        2,
        4,
    ]
