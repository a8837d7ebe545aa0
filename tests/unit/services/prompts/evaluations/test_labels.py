"""Labels of people beside what judges said: the last one holds, and those without a judgement are left out."""

from schemas.prompts.evaluations import Answers, Judged, Labelled, Scored, ScorerSpec
from services.prompts.evaluations.labels import Label, joined, labelled

PAIRS = ScorerSpec(kind="llm_judge", name="pairs", options={"rubric": "r", "mode": "pair"})
GRADES = ScorerSpec(kind="llm_judge", name="grades", options={"rubric": "r"})
JUDGED = [
    Judged(case_id="a", scorer="pairs", forward="first", swapped="second"),
    Judged(case_id="b", scorer="pairs", forward="first", swapped="first"),
    Judged(case_id="c", scorer="pairs", note="unreadable"),
]
VERSIONS = {
    "candidate": Answers(version="2", scores=[Scored(case_id="a", scorer="grades", score=0.75)]),
    "baseline": Answers(version="1", scores=[Scored(case_id="a", scorer="grades", score=0.5)]),
}


def label(case: str, scorer: str, human: str, side: str = "candidate") -> Label:
    return Label(case_id=case, scorer=scorer, human=human, side=side)  # type: ignore[arg-type]


def test_a_pair_is_compared_by_its_winner_where_both_orders_agree() -> None:
    labels = [label("a", "pairs", "tie"), label("b", "pairs", "candidate"), label("c", "pairs", "tie")]
    assert labelled(labels, [PAIRS, GRADES], VERSIONS, JUDGED) == [
        Labelled(scorer="pairs", judge="candidate", human="tie"),
        Labelled(scorer="pairs", judge="tie", human="candidate"),
    ]


def test_a_single_answer_is_compared_by_whether_its_grade_passes() -> None:
    labels = [label("a", "grades", "pass"), label("a", "grades", "pass", "baseline"), label("b", "grades", "fail")]
    assert labelled(labels, [PAIRS, GRADES], VERSIONS, JUDGED) == [
        Labelled(scorer="grades", judge="pass", human="pass"),
        Labelled(scorer="grades", judge="fail", human="pass"),
    ]


def test_the_last_label_of_an_answer_holds() -> None:
    first, other = label("a", "pairs", "tie"), label("a", "grades", "pass", "baseline")
    last = label("a", "pairs", "baseline")
    assert joined([first, other], [last]) == [last, other]
