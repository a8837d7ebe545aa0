"""The optimiser: which cases judge, what proposals may say, and a search that finds a hidden rule within its budget."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from agentflow.optimising.cases import Case, Parts, case_of, leaked, parted, texts_of
from agentflow.optimising.proposals import (
    Answered,
    examples,
    question,
    rewritten,
    text_of,
    with_examples,
    with_text,
)
from agentflow.optimising.search import OutOfBudget, Plan, Refused, Result, Search

from bench.rollouts.hidden_rule import TEMPLATE, cases, propose, rule_of, solve

ANSWER_USD = Decimal("0.0001")
REWRITE_USD = Decimal("0.002")
BODY = {"name": "words", "template": TEMPLATE}


def case(name: str, *, cluster: str = "", text: str = "") -> Case:
    return Case(name, {"word": text or name}, "yes", cluster)


@dataclass
class FakeWorld:
    """Versions are texts, answers come from the script, and everything costs money. Spends as the platform would."""

    spent: Decimal = Decimal(0)
    versions: list[Mapping[str, Any]] = field(default_factory=list)
    refuse: str = ""
    seen: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def version(self, body: Mapping[str, Any]) -> int:
        if self.refuse and self.refuse in str(body["template"]):
            raise Refused("template: it is wrong")
        if body not in self.versions:
            self.versions.append(body)
        return self.versions.index(body) + 1

    def evaluate(self, version: int, cases: Sequence[Case], most_usd: Decimal, against: int | None = None) -> Result:
        asked = [version] if against is None else [version, against]
        cost = ANSWER_USD * len(cases) * len(asked)
        if cost > most_usd:
            raise OutOfBudget("the run would pass its budget")
        self.spent += cost
        mine, *others = (self._result(one, cases, cost) for one in asked)
        return Result(**{**vars(mine), "against": others[0] if others else None})

    def _result(self, version: int, cases: Sequence[Case], cost: Decimal) -> Result:
        text = str(self.versions[version - 1]["template"])
        found = [solve(text.replace("{{word}}", str(one.inputs["word"]))) for one in cases]
        scores = [float(answer == one.expected) for answer, one in zip(found, cases, strict=True)]
        answered = [Answered(*row) for row in zip(cases, found, scores, strict=True)]
        return Result("eval", sum(scores) / len(scores), len(cases), ANSWER_USD * len(cases), cost, answered)

    def rewrite(self, questions: Sequence[str], most_usd: Decimal) -> tuple[Sequence[Any], Decimal]:
        cost = REWRITE_USD * len(questions)
        if cost > most_usd:
            raise OutOfBudget("the run would pass its budget")
        self.spent += cost
        self.seen += questions
        import json

        return [json.loads(propose(one)) for one in questions], cost

    def note(self, text: str) -> None:
        self.notes.append(text)


def search(seed: int, *, budget: str = "1.00", world: FakeWorld | None = None, **plan: Any) -> Search:
    parts = parted([case_of(row) for row in cases(seed, 60)], 0.5, seed)
    return Search(world or FakeWorld(), parts, Plan(Decimal(budget), **plan))


def test_parts_are_by_seed_and_cluster_whatever_the_order() -> None:
    given = [case(f"c{n}", cluster=f"k{n // 3}") for n in range(60)]
    parts = parted(given, 0.5, 7)
    again = parted(list(reversed(given)), 0.5, 7)
    assert [list(reversed(part)) for part in again] == list(parts)
    assert [one.id for one in parts.shown] == [one.id for one in given if one in parts.shown]
    assert parted(given, 0.5, 8) != parts
    assert len(parts.held_out) == 30
    assert not {one.cluster for one in parts.shown} & {one.cluster for one in parts.held_out}


def test_a_text_of_a_held_out_case_is_found_and_common_words_are_not() -> None:
    secret, short = case("a", text="the quick brown fox"), case("b", text="yes")
    assert leaked("Example: the quick brown fox", [], [short, secret]) == "a"
    assert leaked("Example: the quick brown fox", ["see the quick brown fox"], [short, secret]) is None
    assert leaked("Say yes", [], [short]) is None
    assert "the quick brown fox" in texts_of([secret])


def test_of_messages_the_instructions_are_varied() -> None:
    body = {"messages": [{"role": "user", "template": "{{q}}"}, {"role": "system", "template": "Be kind."}]}
    assert text_of(body) == "Be kind."
    assert with_text(body, "Be short.")["messages"][1]["template"] == "Be short."
    assert body["messages"][1]["template"] == "Be kind."


def test_a_question_shows_the_worst_answers_and_each_other_ones_first() -> None:
    answered = [Answered(case(f"c{n}"), "no", n / 20) for n in range(20)]
    first, second = (question("text", answered, number, 2) for number in range(2))
    assert first.index('"c0"') < first.index('"c1"')
    assert '"c0"' not in second
    assert '"c19"' not in first
    assert "proposal 2 of 2" in second


@pytest.mark.parametrize(
    ("answer", "text"),
    [({"template": " a "}, "a"), ({"template": ""}, None), ({"template": 1}, None), ("a", None), (None, None)],
)
def test_a_proposal_is_a_text(answer: Any, text: str | None) -> None:
    assert rewritten(answer) == text


def test_examples_are_those_that_are_answered_worst_and_never_templates() -> None:
    answered = [Answered(case(f"c{n}"), "no", 1 - n / 10) for n in range(10)]
    assert [one.id for one in examples(answered, 2, 0)] == ["c9", "c8"]
    assert [one.id for one in examples(answered, 2, 1)] == ["c7", "c6"]
    assert examples(answered, 2, 5) == []
    assert with_examples("text", [case("a", text="{{b}}")]) is None
    assert with_examples("text", [case("a")]) == 'Examples:\n\nInput: {"word": "a"}\nAnswer: yes\n\ntext'


def test_a_hidden_rule_is_found_in_nine_of_ten_seeds() -> None:
    found = []
    for seed in range(10):
        one = search(seed)
        winner = one.run(BODY)
        found.append(winner is not None and f"if {rule_of(seed)}," in text_of(winner.body))
    assert sum(found) >= 9, found


@pytest.mark.parametrize("budget", ["0.02", "0.05", "0.1", "1.00"])
@pytest.mark.parametrize("seed", range(5))
def test_it_never_spends_more_than_its_budget(seed: int, budget: str) -> None:
    world = FakeWorld()
    one = search(seed, budget=budget, world=world)
    one.run(BODY)
    assert world.spent == one.spent_usd <= Decimal(budget)
    assert any(candidate.held_out for candidate in one.candidates[1:]) or len(one.candidates) == 1


def test_a_budget_below_the_version_itself_is_refused() -> None:
    world = FakeWorld()
    with pytest.raises(OutOfBudget):
        search(1, budget="0.004", world=world).run(BODY)
    assert world.spent <= Decimal("0.004")


def test_no_question_and_no_candidate_has_a_held_out_case() -> None:
    world = FakeWorld()
    one = search(3, world=world)
    one.run(BODY)
    texts = [*world.seen, *(text_of(body) for body in world.versions)]
    words = [str(held.inputs["word"]) for held in one.parts.held_out]
    assert not [word for word, text in itertools.product(words, texts) if word in text]


def test_a_proposal_with_a_held_out_case_is_dropped() -> None:
    class Leaking(FakeWorld):
        def rewrite(self, questions: Sequence[str], most_usd: Decimal) -> tuple[Sequence[Any], Decimal]:
            return [{"template": f"{secret} {{{{word}}}}"}, {"template": "Say no.\nWord: {{word}}"}], REWRITE_USD

    one = search(1, world=Leaking())
    secret = one.parts.held_out[0].inputs["word"] = "a very long held-out word"  # type: ignore[index]
    one.run(BODY)
    assert one.dropped[0] == f"a proposal has text of the held-out case {one.parts.held_out[0].id}"
    assert not any("held-out word" in text_of(candidate.body) for candidate in one.candidates)
    assert any("Say no." in text_of(candidate.body) for candidate in one.candidates)


def test_a_proposal_that_is_no_version_is_dropped() -> None:
    one = search(2, world=FakeWorld(refuse="Say yes if"), example_sets=0)
    assert one.run(BODY) is None
    assert "it is wrong" in one.dropped[0]
    assert len(one.candidates) == 1


def test_the_front_has_what_nothing_beats_in_score_and_cost() -> None:
    one = search(4)
    one.run(BODY)
    looked = [candidate for candidate in one.candidates if candidate.held_out is not None]
    front = [candidate for candidate in looked if candidate.on_front]
    best = max(looked, key=lambda candidate: candidate.held_out.score)  # type: ignore[union-attr]
    assert front
    assert best.held_out.score in [candidate.held_out.score for candidate in front]  # type: ignore[union-attr]


def test_nothing_wins_that_is_not_better_on_held_out_cases() -> None:
    class Same(FakeWorld):
        def _result(self, version: int, cases: Sequence[Case], cost: Decimal) -> Result:
            return Result("eval", 0.5, len(cases), cost, cost, [Answered(one, "no", 0.5) for one in cases])

    one = search(5, world=Same())
    assert one.run(BODY) is None
    assert len(one.candidates) > 1


def test_the_same_search_goes_the_same_way() -> None:
    first, second = FakeWorld(), FakeWorld()
    search(6, world=first).run(BODY)
    search(6, world=second).run(BODY)
    assert (first.versions, first.seen, first.spent) == (second.versions, second.seen, second.spent)


def test_parts_without_cases_judge_nothing() -> None:
    assert parted([], 0.5, 1) == Parts([], [])
