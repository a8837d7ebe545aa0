"""Scorers, each by its kind: what they score, what they refuse, and that a failure is never a 0."""

import asyncio
import builtins
import sys
import time

import pytest

from schemas.errors import InvalidInput
from schemas.prompts.evaluations import Answered, Case, ScorerSpec
from services.prompts.evaluations.scorers.base import Mark, Ports
from services.prompts.evaluations.scorers.similarity import bleu, chrf, common, rouge_l
from services.prompts.evaluations.scorers.table import KINDS, NO_PORTS, check_scorers, scorer_of


class Letters:
    """Vectors of the counts of letters, of length 1."""

    space = "letters"

    async def embed(self, texts):
        vectors = [[text.count(letter) for letter in "abcdefgh"] for text in texts]
        lengths = [sum(x * x for x in vector) ** 0.5 or 1 for vector in vectors]
        return [[x / length for x in vector] for vector, length in zip(vectors, lengths, strict=True)]


def scored(kind, output, expected=None, ports=NO_PORTS, latency_ms=0, cost_nano=0, error="", **options) -> Mark:
    scorer = scorer_of(ScorerSpec(kind=kind, options=options), ports)
    answer = Answered(case_id="a", output=output, latency_ms=latency_ms, cost_nano=cost_nano, error=error)
    return asyncio.run(scorer(Case(id="a", inputs={"q": "?"}, expected=expected), answer))


@pytest.mark.parametrize(
    ("kind", "output", "expected", "options", "score"),
    [
        ("exact", "yes", "yes", {}, 1),
        ("exact", "yes\n", "yes", {}, 0),
        ("exact", " Yes\n", "yes", {"trim": True, "ignore_case": True}, 1),
        ("exact", '{"a": [1, 2]}', {"a": [1.0, 2]}, {}, 1),
        ("exact", "true", 1, {}, 0),
        ("exact", True, 1, {}, 0),
        ("exact", "not json", {"a": 1}, {}, 0),
        ("exact", {"label": "spam"}, "spam", {"path": "label"}, 1),
        ("exact", '{"all": [{"label": "spam"}]}', "spam", {"path": "all.0.label"}, 1),
        ("exact", {"other": 1}, "spam", {"path": "label"}, 0),
        ("contains", "The cat sat.", "cat", {}, 1),
        ("contains", "The cat sat.", ["cat", "dog"], {}, 0),
        ("contains", "The cat sat.", ["cat", "dog"], {"match": "any"}, 1),
        ("contains", "The cat sat.", ["bird", "dog"], {"match": "none"}, 1),
        ("contains", "The CAT sat.", None, {"values": ["cat"], "ignore_case": True}, 1),
        ("regex", "order 42", None, {"pattern": r"\d+"}, 1),
        ("regex", "order 42", None, {"pattern": r"\d+", "whole": True}, 0),
        ("regex", "order 42", None, {"pattern": r"\d+", "absent": True}, 0),
        ("regex", "ORDER", None, {"pattern": "order", "ignore_case": True}, 1),
        ("json_schema", '{"n": 1}', None, {"schema": {"required": ["n"], "type": "object"}}, 1),
        ("json_schema", {"m": 1}, None, {"schema": {"required": ["n"], "type": "object"}}, 0),
        ("json_schema", "no json", None, {"schema": {"type": "object"}}, 0),
        ("json_schema", "any text", None, {"schema": {"type": "string"}}, 1),
        ("numeric", "3.14", 3.14159, {"absolute": 0.01}, 1),
        ("numeric", 95, 100, {"relative": 0.05}, 1),
        ("numeric", 94.9, 100, {"relative": 0.05}, 0),
        ("numeric", "it is 1,250.5 in all, of 3", 1250.5, {"find": "first"}, 1),
        ("numeric", "it is 1,250.5 in all, of 3", 3, {"find": "last"}, 1),
        ("numeric", "it is 3", 3, {}, 0),
        ("numeric", "none", 3, {"find": "last"}, 0),
        ("numeric", "1e999", 3, {}, 0),
        ("rouge_l", "the cat sat", "The cat sat", {}, 1),
        ("rouge_l", "dogs bark", "cats sleep", {}, 0),
        ("rouge_l", "the cat", ["a dog", "the cat"], {}, 1),
        ("latency", None, None, {"limit_ms": 200}, 1),
        ("latency", None, None, {"limit_ms": 199}, 0),
        ("latency", None, None, {"good_ms": 100, "bad_ms": 300}, 0.5),
        ("cost", None, None, {"limit_usd": "0.002"}, 1),
        ("cost", None, None, {"limit_usd": 0.001}, 0),
        ("cost", None, None, {"good_usd": 0.001, "bad_usd": 0.003}, 0.5),
    ],
)
def test_score_of(kind, output, expected, options, score) -> None:
    assert scored(kind, output, expected, latency_ms=200, cost_nano=2_000_000, **options).score == pytest.approx(score)


@pytest.mark.parametrize("kind", ["exact", "contains", "numeric", "bleu", "chrf", "rouge_l", "similarity"])
def test_without_an_expected_value_there_is_no_score(kind) -> None:
    mark = scored(kind, "text", ports=Ports(embedder=Letters()))
    assert mark.score is None
    assert "expected value" in mark.note


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_answer_without_output_has_no_score(kind) -> None:
    options = {
        "regex": {"pattern": "a"},
        "json_schema": {"schema": {}},
        "latency": {"limit_ms": 1},
        "cost": {"limit_usd": 1},
        "llm_judge": {"rubric": "good"},
        "custom": {"function": "f"},
    }.get(kind, {})
    ports = Ports(embedder=Letters(), call=lambda *_: None, ask=lambda *_: None)
    assert scored(kind, None, "x", ports, error="provider_timeout", **options) == Mark(
        score=None, note="no output: provider_timeout"
    )


def test_similarity_is_the_cosine_of_the_most_alike() -> None:
    ports = Ports(embedder=Letters())
    assert scored("similarity", "abc", ["ggg", "cba"], ports).score == pytest.approx(1)
    assert scored("similarity", "aab", "abb", ports).score == pytest.approx(0.8)
    assert scored("similarity", "aab", "abb", ports, least=0.9).score == 0


class _Down:
    space = "down"

    async def embed(self, texts):
        raise ConnectionError("no route")


def test_a_scorer_that_raises_gives_no_score() -> None:
    assert scored("similarity", "a", "a", Ports(embedder=_Down())) == Mark(score=None, note="ConnectionError: no route")


def answering(found):
    async def call(name, arguments):
        assert name == "polite"
        assert set(arguments) == {"output", "expected", "inputs"}
        if isinstance(found, Exception):
            raise found
        return found

    return Ports(call=call)


@pytest.mark.parametrize(
    ("found", "mark"),
    [
        (True, Mark(score=1.0)),
        (0.25, Mark(score=0.25)),
        (0, Mark(score=0.0)),
        ({"score": 0.5, "note": "half"}, Mark(score=0.5, note="half")),
        (KeyError("label"), Mark(score=None, note="KeyError: 'label'")),
    ],
)
def test_custom_takes_what_its_function_returns(found, mark) -> None:
    assert scored("custom", "hello", ports=answering(found), function="polite") == mark


@pytest.mark.parametrize("found", [None, "good", 1.5, -0.1, float("nan"), 10**400, [1]])
def test_custom_refuses_what_is_no_score(found) -> None:
    mark = scored("custom", "hello", ports=answering(found), function="polite")
    assert mark.score is None
    assert "true, false or a number from 0 to 1" in mark.note


def test_regex_of_a_hostile_pattern_is_linear() -> None:
    started = time.process_time()
    assert scored("regex", "a" * 100_000 + "!", pattern="(a+)+$").score == 0
    assert time.process_time() - started < 5


@pytest.fixture
def nltk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import nltk without scipy, which it only uses for what is not used here, and which takes seconds to import."""
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    pytest.importorskip("nltk")


@pytest.mark.usefixtures("nltk")
def test_bleu_and_chrf_of_equal_texts_are_1() -> None:
    for text in ("a", "yes it is", "the cat sat on the mat today"):
        assert bleu(text, text) == pytest.approx(1)
        assert chrf(text, text) == pytest.approx(1)
    assert bleu("", "") == chrf("", "") == 1
    assert bleu("", "a") == chrf("", "a") == 0


@pytest.mark.usefixtures("nltk")
def test_bleu_and_chrf_rank_texts_by_likeness() -> None:
    wanted = "the cat sat on the mat in the sun"
    near, far = "the cat sat on a mat in the sun", "dogs bark at a car"
    for likeness in (bleu, chrf, rouge_l):
        assert 1 > likeness(near, wanted) > likeness(far, wanted) >= 0


def test_bleu_without_nltk_gives_no_score_and_the_fix(monkeypatch) -> None:
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.startswith("nltk"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    mark = scored("bleu", "a b", "a b")
    assert mark.score is None
    assert "pip install nltk" in mark.note


def test_common_subsequence_is_that_of_the_table() -> None:
    def slow(one, other):
        row = [0] * (len(other) + 1)
        for a in one:
            before = row[:]
            for place, b in enumerate(other, 1):
                row[place] = before[place - 1] + 1 if a == b else max(before[place], row[place - 1])
        return row[-1]

    texts = ["abcbdab", "bdcaba", "aaaa", "", "abcabcabcabc" * 8, "cbacba" * 15]
    for one in texts:
        for other in texts:
            assert common(one, other) == slow(one, other)


@pytest.mark.parametrize(
    ("kind", "options", "place"),
    [
        ("regex", {}, "scorers[0].options"),
        ("regex", {"pattern": "(?=a)"}, "scorers[0].options"),
        ("regex", {"pattern": "a" * 1_001}, "scorers[0].options"),
        ("exact", {"ignorecase": True}, "scorers[0].options"),
        ("json_schema", {"schema": {"type": "objekt"}}, "scorers[0].options"),
        ("json_schema", {"schema": {"$ref": "http://localhost/schema"}}, "scorers[0].options"),
        ("numeric", {"absolute": -1}, "scorers[0].options"),
        ("similarity", {"least": 2}, "scorers[0].options"),
        ("latency", {}, "scorers[0].options"),
        ("latency", {"good_ms": 5, "bad_ms": 5}, "scorers[0].options"),
        ("cost", {"limit_usd": "cheap"}, "scorers[0].options"),
        ("llm_judge", {"rubric": " "}, "scorers[0].options"),
        ("llm_judge", {"rubric": "good", "pass_grade": 6}, "scorers[0].options"),
        ("llm_judge", {"rubric": "good", "max_tokens": 0}, "scorers[0].options"),
        ("custom", {}, "scorers[0].options"),
        ("sentiment", {}, "scorers[0].kind"),
    ],
)
def test_wrong_options_are_refused_with_a_fix(kind, options, place) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_scorers([ScorerSpec(kind=kind, options=options)])
    (problem,) = refused.value.problems
    assert problem.path == place
    assert problem.fix


def test_all_problems_of_an_evaluation_are_named() -> None:
    with pytest.raises(InvalidInput) as refused:
        check_scorers([ScorerSpec(kind="exact", weight=0), ScorerSpec(kind="exact", weight=0)])
    assert [problem.path for problem in refused.value.problems] == ["scorers", "scorers[1].name"]


def test_good_scorers_are_accepted() -> None:
    check_scorers(
        [
            ScorerSpec(kind="exact"),
            ScorerSpec(kind="regex", options={"pattern": "^a"}),
            ScorerSpec(kind="llm_judge", options={"rubric": "good", "mode": "pair"}),
            ScorerSpec(kind="similarity", weight=0, options={"least": 0.8}),
            ScorerSpec(kind="custom", options={"function": "polite"}),
        ]
    )


@pytest.mark.parametrize(("kind", "options"), [("similarity", {}), ("custom", {"function": "f"})])
def test_a_scorer_without_its_port_is_refused(kind, options) -> None:
    with pytest.raises(InvalidInput, match="cannot run here"):
        scorer_of(ScorerSpec(kind=kind, options=options))
