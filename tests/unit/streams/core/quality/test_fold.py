"""The fold of quality, rule by rule."""

import random
from typing import Any

import pytest

from schemas.errors import BadRecord
from schemas.records.quality import REFERENCE_SCORER, AnswerScored, Compared, QualityDrifted
from schemas.tables.entry import BEGUN
from schemas.tables.quality import Series, answer_entity, parse_series_field, prompt_entity, series_field
from streams.core.commands import Command, Count, Emit, ExpireAt
from streams.core.memory import MemoryState
from streams.core.quality.fold import KEPT, MOST_SERIES, REFERENCE, REMEMBERED_MS, TENTHS, QualityFold
from tests.support.quality import AT_MS, answer_scored

PROMPT = prompt_entity("acme:summary")


class Table:
    """Folds scores one after another; every entry passes the codec."""

    def __init__(self) -> None:
        self.fold, self.state, self.events = QualityFold(), MemoryState(), []

    def feed(self, record: AnswerScored) -> list[Command]:
        commands = self.fold.fold(self.state, record, AT_MS, 0)
        for entity in self.fold.touches(record):
            for field in list(self.state.fields(entity)):
                data = self.fold.encode(entity, field, self.state.get(entity, field))
                self.state.put(entity, field, self.fold.decode(entity, field, data))
        self.events += [c.record for c in commands if isinstance(c, Emit)]
        return commands

    def scores(self, scores: list[float], first: int = 0, **fields: Any) -> None:
        for number, score in enumerate(scores, first):
            self.feed(answer_scored(number, score, **fields))

    def series(self, by: str = "version", value: str = "1", scorer: str = "length") -> Series:
        return self.state.get(PROMPT, series_field(scorer, by, value)) or Series()


@pytest.fixture
def table() -> Table:
    return Table()


def effects(commands: list[Command]) -> list[str]:
    return [dict(c.labels)["effect"] for c in commands if isinstance(c, Count)]


def test_a_score_counts_in_three_series_and_is_remembered_for_a_day(table: Table) -> None:
    commands = table.feed(answer_scored(1, 0.5))
    assert effects(commands) == ["counted"]
    assert [c for c in commands if isinstance(c, ExpireAt)] == [
        ExpireAt(answer_entity("run-1:ask:1", "length"), AT_MS + REMEMBERED_MS)
    ]
    for by, value in (("version", "1"), ("workflow", "flow"), ("model", "local-silver")):
        assert table.series(by, value).window.total == 0.5


def test_the_first_score_of_an_answer_counts(table: Table) -> None:
    table.feed(answer_scored(1, 0.5))
    assert effects(table.feed(answer_scored(1, 0.9))) == ["repeated"]
    assert (table.series().window.seen, table.series().window.mean) == (1, 0.5)
    table.feed(answer_scored(1, 0.9, scorer="judge"))
    assert table.series(scorer="judge").window.mean == 0.9


def test_a_fall_is_an_event_with_the_means_before_and_after(table: Table) -> None:
    table.scores([0.8, 0.9] * 100)
    table.scores([0.2, 0.3] * 50, first=200)
    event = next(event for event in table.events if event.data["by"] == "version")
    assert isinstance(event, QualityDrifted)
    assert (event.subject, event.organisation, event.source) == ("summary", "acme", "/agentflow/quality")
    assert event.id == f"summary/length/version/1/{event.data['scores']}"
    assert event.data["before"] == pytest.approx(0.85, abs=0.02)
    assert event.data["after"] < 0.6
    assert event.data["run_id"] == f"run-{event.data['scores'] - 1}"
    assert event.time.startswith("2027-01-15T08:00:00.")
    assert {e.data["by"] for e in table.events} == {"version", "workflow", "model"}


def test_equal_scores_change_nothing(table: Table) -> None:
    rng = random.Random(5)
    table.scores([min(1.0, max(0.0, rng.gauss(0.8, 0.1))) for _ in range(2_000)])
    assert table.events == []


def test_a_restored_table_sends_its_newest_events_again(table: Table) -> None:
    for block in range(12):
        table.scores([0.1 if block % 2 else 0.9] * 96, first=block * 96)
    sent = [event for event in table.events if event.data["by"] == "model"]
    assert len(sent) > KEPT
    again = [c.record for c in table.fold.outstanding(table.state, PROMPT, AT_MS) if isinstance(c, Emit)]
    assert [event for event in again if event.data["by"] == "model"] == sent[-KEPT:]
    assert table.fold.outstanding(table.state, answer_entity("run-1:ask:1", "length"), AT_MS) == []
    assert table.series("model", "local-silver").changed == len(sent)


def test_a_histogram_is_of_the_first_scores_and_one_of_the_last_full_block(table: Table) -> None:
    table.scores([0.35] * REFERENCE)
    assert table.series().first == tuple(REFERENCE if tenth == 3 else 0 for tenth in range(TENTHS))
    assert table.series().recent == table.series().block == ()
    table.scores([1.0] * (REFERENCE + 7), first=REFERENCE)
    assert table.series().recent[-1] == REFERENCE
    assert sum(table.series().block) == 7
    assert sum(table.series().first) == table.series().first[3]


def test_the_series_that_was_silent_longest_makes_room(table: Table) -> None:
    for version in range(1, MOST_SERIES + 2):
        table.feed(answer_scored(version, 0.5, version=version, workflow_name="", model=""))
    fields = [parse_series_field(field) for field in table.state.fields(PROMPT)]
    assert len(fields) <= MOST_SERIES
    versions = {int(value) for _, by, value in fields if by == "version"}
    assert {1, 2} & versions == set()
    assert MOST_SERIES + 1 in versions


@pytest.mark.parametrize(("field", "value"), [("org_id", "a/b"), ("org_id", ""), ("scorer", "a/b")])
def test_names_that_may_mean_another_entry_are_bad_records(table: Table, field: str, value: str) -> None:
    with pytest.raises(BadRecord, match=r"organisation id|scorer"):
        table.feed(answer_scored(1, 0.5, **{field: value}))


def test_an_answer_is_whole_when_it_has_begun(table: Table) -> None:
    table.feed(answer_scored(1, 0.5))
    assert table.state.get(answer_entity("run-1:ask:1", "length"), BEGUN) == 1


PINNED = Compared(reference="openai/pinned", differs_most=0.001, alpha=0.001)


def pairs(table: Table, same: list[bool], first: int = 0, model: str = "openai/live", **fields: Any) -> list[str]:
    """Feed pairs of a model's answers and the reference's; return what was counted."""
    compared = {"scorer": REFERENCE_SCORER, "model": model, "compared": PINNED} | fields
    return [
        effect
        for number, one in enumerate(same, first)
        for effect in effects(table.feed(answer_scored(number, float(one), **compared)))
    ]


def test_a_model_that_is_no_longer_its_reference_is_named_once(table: Table) -> None:
    counted = pairs(table, [True] * 40 + [False] * 6)
    assert counted.count("diverged") == 1
    (event,) = table.events
    assert isinstance(event, QualityDrifted)
    assert event.data["reference"] == "openai/pinned"
    assert (event.data["scorer"], event.data["by"], event.data["value"]) == (REFERENCE_SCORER, "model", "openai/live")
    assert event.data["run_id"] in {f"run-{number}" for number in range(40, 43)}
    series = table.series("model", "openai/live", REFERENCE_SCORER)
    assert series.equality is not None
    assert (series.equality.pairs, series.equality.different, series.equality.diverged) == (46, 6, True)


def test_pairs_are_in_the_series_of_their_model_alone(table: Table) -> None:
    pairs(table, [True, False])
    assert [parse_series_field(field) for field in table.state.fields(PROMPT)] == [
        (REFERENCE_SCORER, "model", "openai/live")
    ]


def test_equal_models_are_never_named_and_a_drift_of_their_mean_is_no_event(table: Table) -> None:
    assert set(pairs(table, [True] * 2_000)) == {"counted"}
    assert table.events == []


def test_a_pair_counts_once(table: Table) -> None:
    pairs(table, [False])
    assert pairs(table, [False]) == ["repeated"]


def test_another_reference_starts_again_and_may_be_found_to_differ_too(table: Table) -> None:
    pairs(table, [False] * 5)
    other = Compared(reference="openai/newer", differs_most=0.001, alpha=0.001)
    assert "diverged" not in pairs(table, [True] * 30, first=5, compared=other)
    series = table.series("model", "openai/live", REFERENCE_SCORER)
    assert series.equality is not None
    assert (series.equality.reference, series.equality.pairs, series.equality.diverged) == ("openai/newer", 30, False)
    assert pairs(table, [False] * 5, first=35, compared=other).count("diverged") == 1
    assert [event.data["reference"] for event in table.events] == ["openai/pinned", "openai/newer"]
    assert len({event.id for event in table.events}) == 2


def test_each_model_of_a_prompt_has_a_smaller_share_of_false_alarms(table: Table) -> None:
    pairs(table, [True], model="openai/first")
    pairs(table, [True], first=1, model="openai/second")
    limits = [table.series("model", f"openai/{name}", REFERENCE_SCORER).equality for name in ("first", "second")]
    assert [round(one.limit) for one in limits if one is not None] == [2_000, 6_000]


def test_a_restored_table_says_what_diverged_from_what_again(table: Table) -> None:
    pairs(table, [False] * 5)
    (again,) = table.fold.outstanding(table.state, PROMPT, AT_MS)
    assert isinstance(again, Emit)
    assert again.record == table.events[0]
