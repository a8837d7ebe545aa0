"""The pairs on which semantic hits are judged, and the judgement where the model is installed."""

from collections import Counter
from importlib.util import find_spec

import pytest

from bench.caching.judge import judged
from bench.caching.pairs import HALF, RULES, pairs, strangers
from connectors.embeddings.static import PACKAGES, StaticEmbedder
from services.caching.guards import veto

MISSING = [name for name in PACKAGES if find_spec(name) is None]
needs_model = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


@pytest.mark.parametrize("half", [0, 1])
def test_a_half_has_as_many_of_each_rule_and_none_twice(half: int) -> None:
    found = pairs(half)
    assert Counter(pair.rule for pair in found) == {"": HALF // 2} | dict.fromkeys(RULES, HALF // 2 // len(RULES))
    assert len(set(found)) == HALF
    assert all(pair.one != pair.other for pair in found if pair.rule)
    assert pairs(half) == found


def test_the_halves_have_no_prompt_in_common() -> None:
    halves = [{text for pair in pairs(half) for text in (pair.one, pair.other)} for half in (0, 1)]
    assert not halves[0] & halves[1]
    assert all(pair.one != pair.other for pair in strangers(0))


@pytest.mark.parametrize("half", [0, 1])
def test_guards_stop_hard_negatives_and_let_most_others_pass(half: int) -> None:
    found = pairs(half)
    stopped = Counter((bool(pair.rule), veto(pair.one, pair.other) is not None) for pair in found)
    assert stopped[True, False] <= 1
    assert stopped[False, True] <= HALF // 2 // 5


@needs_model
def test_semantic_hits_hold_their_floors() -> None:
    found = judged()
    assert found.false_percent <= 1
    assert found.hits_percent >= 40


@needs_model
async def test_vectors_have_length_one_and_none_for_nothing() -> None:
    model = StaticEmbedder()
    some, nothing = await model.embed(["how tall is the tower", ""])
    assert sum(n * n for n in some) == pytest.approx(1, abs=1e-3)
    assert not any(nothing)


@pytest.mark.skipif(not MISSING, reason="the model is installed")
def test_without_its_packages_the_model_says_what_to_install() -> None:
    with pytest.raises(ImportError, match=r"install requirements-semantic\.lock"):
        StaticEmbedder()
