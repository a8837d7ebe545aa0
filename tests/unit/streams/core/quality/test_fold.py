"""The fold of quality, rule by rule."""

import random
from typing import Any

import pytest

from schemas.errors import BadRecord
from schemas.records.quality import AnswerScored, QualityDrifted
from schemas.tables.entry import BEGUN
from schemas.tables.quality import Series, answer_entity, parse_series_field, prompt_entity, series_field
from streams.core.commands import Command, Count, Emit, ExpireAt
from streams.core.memory import MemoryState
from streams.core.quality.fold import KEPT, MOST_SERIES, REMEMBERED_MS, QualityFold
from streams.core.quality.histograms import REFERENCE, TENTHS
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
