"""The search: rounds of proposals that are evaluated on the cases that they may see, then a last look at the held-out.

    1. the version itself is evaluated on the shown cases
    2. each round proposes variants of the best text so far, and evaluates those that are new
    3. the best ones, and the version itself, are evaluated on the held-out cases
    4. those that no other beats in score and cost are the Pareto front; the best score above the version's wins

Nothing is begun that what is left of the budget may not pay: the last look is reserved from the start.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol

from agentflow.optimising.cases import Case, Parts, leaked, texts_of
from agentflow.optimising.proposals import (
    Answered,
    examples,
    question,
    rewritten,
    text_of,
    with_examples,
    with_text,
)

Kind = Literal["itself", "rewrite", "examples"]
#: How much more than the last one an evaluation may cost before it is begun.
_RESERVE = Decimal("1.5")


class OutOfBudget(Exception):
    """What is left of the budget does not pay for it."""


class Refused(Exception):
    """A variant is no valid version: the server says why."""


@dataclass(frozen=True)
class Result:
    """What an evaluation found: the mean score, the cost of the answers and of all of it, in US dollars.

    ``against`` is what it found of the version that it compared with, and ``comparison`` what the report says of both.
    """

    id: str
    score: float | None
    answers: int
    answers_usd: Decimal
    cost_usd: Decimal
    answered: Sequence[Answered] = ()
    against: "Result | None" = None
    comparison: Mapping[str, Any] | None = None

    @property
    def answer_usd(self) -> Decimal:
        """The cost of one answer."""
        return self.answers_usd / max(1, self.answers)


@dataclass
class Candidate:
    """A variant: ``number`` counts from 0, which is the version itself. ``version`` is that of the trial prompt."""

    number: int
    kind: Kind
    body: Mapping[str, Any]
    why: str = ""
    version: int = 0
    shown: Result | None = None
    held_out: Result | None = None
    on_front: bool = False

    @property
    def score(self) -> float:
        """Its score on the shown cases; below all without one."""
        return -1.0 if self.shown is None or self.shown.score is None else self.shown.score


class World(Protocol):
    """What the search needs of the platform. Methods raise ``OutOfBudget``."""

    def version(self, body: Mapping[str, Any]) -> int:
        """Store a variant and return its version. Raises ``Refused``."""
        ...

    def evaluate(self, version: int, cases: Sequence[Case], most_usd: Decimal, against: int | None = None) -> Result:
        """Evaluate a version on cases, beside another one if one is named, for ``most_usd`` at most in all."""
        ...

    def rewrite(self, questions: Sequence[str], most_usd: Decimal) -> tuple[Sequence[Any], Decimal]:
        """Return what the rewriting model answers, ``None`` for a failed answer, and what that cost."""
        ...

    def note(self, text: str) -> None:
        """Tell the user how far it is."""
        ...


@dataclass(frozen=True)
class Plan:
    """How far the search goes: proposals of each kind in a round, examples in a proposal, finalists."""

    budget_usd: Decimal
    rounds: int = 3
    rewrites: int = 3
    example_sets: int = 1
    examples: int = 4
    finalists: int = 3


@dataclass
class Search:
    """One search. ``candidates`` are all that were evaluated, ``dropped`` says what was not, and why."""

    world: World
    parts: Parts
    plan: Plan
    spent_usd: Decimal = Decimal(0)
    candidates: list[Candidate] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    @property
    def left_usd(self) -> Decimal:
        """What is left of the budget."""
        return self.plan.budget_usd - self.spent_usd

    @property
    def itself(self) -> Candidate:
        """The version that is to be improved."""
        return self.candidates[0]

    def run(self, body: Mapping[str, Any]) -> Candidate | None:
        """Search for a better text than that of a prompt. Return the winner; ``None`` if nothing is better.

        Raises ``OutOfBudget`` when the budget does not pay for the version itself on all cases.
        """
        itself = Candidate(0, "itself", body)
        itself.version = self.world.version(body)
        self._evaluate(itself)
        if self._last_look_usd(2) > self.left_usd:
            raise OutOfBudget(
                f"the held-out cases may cost {self._last_look_usd(2):f} USD, and {self.left_usd:f} are left"
            )
        try:
            for number in range(self.plan.rounds):
                if not self._round(number):
                    break
        except OutOfBudget as exc:
            self.world.note(f"the search ends: {exc}")
        self._last_look()
        return self._winner()

    def _round(self, number: int) -> bool:
        """Propose and evaluate. Return false when nothing was new, or nothing can be better."""
        best = max(self.candidates, key=lambda one: (one.score, -one.number))
        if best.score >= 1.0:
            return False
        before = len(self.candidates)
        for one in self._proposed(best, number):
            self._evaluate(one)
        return len(self.candidates) > before

    def _proposed(self, best: Candidate, number: int) -> Iterator[Candidate]:
        answered = best.shown.answered if best.shown is not None else ()
        text = text_of(best.body)
        for at in range(self.plan.example_sets):
            chosen = examples(answered, self.plan.examples, number * self.plan.example_sets + at)
            varied = with_examples(text, chosen)
            if varied is not None:
                yield from self._new("examples", best, varied, f"{len(chosen)} examples")
        count = self.plan.rewrites
        if not count:
            return
        answers, cost = self.world.rewrite([question(text, answered, at, count) for at in range(count)], self._spare())
        self.spent_usd += cost
        for answer in answers:
            found = rewritten(answer)
            if found is None:
                self.dropped.append("an answer of the rewriting model had no text")
            else:
                yield from self._new("rewrite", best, found, str(answer.get("why") or ""))

    def _new(self, kind: Kind, best: Candidate, text: str, why: str) -> Iterator[Candidate]:
        """Yield a candidate, if its text is new, says nothing of a held-out case, and is a valid version."""
        if any(text == text_of(one.body) for one in self.candidates):
            return
        known = [text_of(self.itself.body), *texts_of(self.parts.shown)]
        if (case_id := leaked(text, known, self.parts.held_out)) is not None:
            self.dropped.append(f"a proposal has text of the held-out case {case_id}")
            return
        made = Candidate(len(self.candidates), kind, with_text(best.body, text), why)
        try:
            made.version = self.world.version(made.body)
        except Refused as exc:
            self.dropped.append(f"a proposal is no version: {exc}")
            return
        if any(made.version == one.version for one in self.candidates):
            return
        yield made

    def _evaluate(self, one: Candidate) -> None:
        one.shown = self.world.evaluate(one.version, self.parts.shown, self._spare())
        self.spent_usd += one.shown.cost_usd
        self.candidates.append(one)
        score = "no score" if one.shown.score is None else f"{one.shown.score:.3f}"
        self.world.note(
            f"candidate {one.number} ({one.kind}): {score}, {self.spent_usd:f} USD of {self.plan.budget_usd:f}"
        )

    def _spare(self) -> Decimal:
        """Return what may be spent now. Raises ``OutOfBudget`` when only the last look is left."""
        spare = self.left_usd - (self._last_look_usd(2) if self.candidates else Decimal(0))
        last = max((one.shown.cost_usd for one in self.candidates if one.shown is not None), default=Decimal(0))
        if spare <= 0 or spare < last * _RESERVE:
            raise OutOfBudget(f"{max(spare, Decimal(0)):f} USD are left for it")
        return spare

    def _last_look_usd(self, versions: int) -> Decimal:
        """Return what the held-out cases may cost for so many versions, by what the version itself cost."""
        result = self.itself.shown
        per_case = Decimal(0) if result is None else result.cost_usd / max(1, len(self.parts.shown))
        return per_case * len(self.parts.held_out) * versions * _RESERVE

    def _last_look(self) -> None:
        """Evaluate the finalists on the held-out cases, the best first, as far as the budget goes."""
        ranked = sorted(self.candidates[1:], key=lambda one: (-one.score, one.number))
        itself, cost = self.itself, Decimal(0)
        for one in ranked[: self.plan.finalists]:
            if self.left_usd <= cost * _RESERVE:
                self.world.note(f"candidate {one.number} gets no last look: {self.left_usd:f} USD are left")
                continue
            try:
                one.held_out = self.world.evaluate(one.version, self.parts.held_out, self.left_usd, itself.version)
            except OutOfBudget as exc:
                self.world.note(f"candidate {one.number} gets no last look: {exc}")
                continue
            cost = one.held_out.cost_usd
            self.spent_usd += cost
            itself.held_out = itself.held_out or one.held_out.against
        looked = [one for one in self.candidates if one.held_out is not None and one.held_out.score is not None]
        for one in looked:
            one.on_front = not any(_beats(other, one) for other in looked)

    def _winner(self) -> Candidate | None:
        base = self.itself.held_out.score if self.itself.held_out is not None else None
        better = [
            one
            for one in self.candidates[1:]
            if one.held_out is not None and one.held_out.score is not None and one.held_out.score > (base or 0.0)
        ]
        return max(better, key=lambda one: (_held(one)[0], -_held(one)[1]), default=None)


def _beats(one: Candidate, other: Candidate) -> bool:
    """Return whether one is as good in score and cost, and better in one of them."""
    (score, cost), (their_score, their_cost) = _held(one), _held(other)
    return score >= their_score and cost <= their_cost and (score, cost) != (their_score, their_cost)


def _held(one: Candidate) -> tuple[float, Decimal]:
    result = one.held_out
    if result is None or result.score is None:
        return 0.0, Decimal(0)
    return result.score, result.answer_usd
