"""Which live answers are scored, and which scorers are refused for them."""

import pytest

from connectors.postgres.prompts.scoring import FRESH_S, PromptScoring, ScoredOrganisations, ScoringPolicy
from schemas.errors import InvalidInput, Unavailable
from schemas.prompts.evaluations import ScorerSpec
from services.prompts.live.policy import check_live_scorers, is_sampled

CALLS = [f"run_{number}:ask:1" for number in range(4_000)]


def test_a_share_is_picked_and_the_same_calls_each_time() -> None:
    picked = [call for call in CALLS if is_sampled("greet", call, 0.25)]
    assert picked == [call for call in CALLS if is_sampled("greet", call, 0.25)]
    assert 0.2 < len(picked) / len(CALLS) < 0.3
    assert picked != [call for call in CALLS if is_sampled("other", call, 0.25)]


def test_a_larger_share_has_all_of_a_smaller_one() -> None:
    assert all(is_sampled("greet", call, 0.5) for call in CALLS if is_sampled("greet", call, 0.25))


@pytest.mark.parametrize(("sample", "share"), [(0.0, 0), (1.0, len(CALLS))])
def test_the_bounds_are_nothing_and_everything(sample: float, share: int) -> None:
    assert sum(is_sampled("greet", call, sample) for call in CALLS) == share


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (ScorerSpec(kind="exact"), "scorers[0].kind"),
        (ScorerSpec(kind="custom", options={"function": "f"}), "scorers[0].kind"),
        (ScorerSpec(kind="llm_judge", options={"mode": "pair"}), "scorers[0].options.mode"),
        (ScorerSpec(kind="contains"), "scorers[0].options.values"),
        (ScorerSpec(kind="regex", options={"pattern": "("}), "scorers[0].options"),
    ],
)
def test_a_scorer_that_cannot_score_live_answers_is_refused(spec: ScorerSpec, path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_live_scorers([spec])
    assert [problem.path for problem in refused.value.problems] == [path]


def test_scorers_that_need_no_expected_value_pass() -> None:
    check_live_scorers(
        [
            ScorerSpec(kind="contains", options={"values": ["Hi"]}),
            ScorerSpec(kind="regex", options={"pattern": "H.*"}),
            ScorerSpec(kind="latency", options={"limit_ms": 10}, weight=0),
        ]
    )


@pytest.mark.parametrize(
    ("version", "label", "names", "covered"),
    [(None, None, None, [1, 2]), (2, None, None, [2]), (None, "production", 1, [1]), (None, "production", None, [])],
)
def test_a_policy_covers_the_versions_that_it_names(
    version: int | None, label: str | None, names: int | None, covered: list[int]
) -> None:
    policy = ScoringPolicy(name="greet", sample=1, scorers=[], version=version, label=label, names=names)
    assert [number for number in (1, 2) if policy.covers(number)] == covered


class Table(PromptScoring):
    """Organisations with policies, as many as there are, or a table that is missing."""

    def __init__(self) -> None:
        self.found: frozenset[str] | None = None
        self.asked = 0

    async def organisations(self) -> frozenset[str]:
        self.asked += 1
        if self.found is None:
            raise Unavailable("postgres", "no such table")
        return self.found


async def test_a_table_that_is_missing_leaves_what_was_known_and_is_asked_again_later() -> None:
    table, now = Table(), [0.0]
    scored = ScoredOrganisations(table, lambda: now[0])
    assert await scored.get() == frozenset()
    table.found = frozenset({"acme"})
    assert (await scored.get(), table.asked) == (frozenset(), 1)
    now[0] = FRESH_S
    assert (await scored.get(), table.asked) == (frozenset({"acme"}), 2)
    table.found, now[0] = None, 2 * FRESH_S
    assert (await scored.get(), table.asked) == (frozenset({"acme"}), 3)
