"""Labels of arguments are kept for the next step with the same ones, and for no other."""

from schemas.labels.label import TRUSTED, Label
from schemas.labels.mapped import Labels
from streams.core.runs.labels.arguments import KNOWN_MOST, Names, arguments_of, recorded_of
from streams.core.runs.plan.compile import compile_plan
from streams.core.runs.plan.model import PlanNode
from tests.support.labels import USER, WEB
from tests.support.runs import function, resolved

INPUTS = Labels.of_whole(USER)


def node() -> PlanNode:
    """A node that reads the input ``q``, a mapped child's item, and outputs in several depths."""
    inputs = {"q": "{{q}}", "deep": {"list": ["a.output"]}, "text": "{{item}} of {{q}}"}
    nodes = (function("a"), function("b", parallel=True, items=["x"], inputs=inputs))
    return compile_plan(resolved(*nodes, edges="a>b")).nodes["b"]


def names(inputs: Label = USER, output: Label = TRUSTED, item: Label = TRUSTED, index: Label = TRUSTED) -> Names:
    return Names(Labels.of_whole(inputs), lambda _: Labels.of_whole(output), Labels.of_whole(item), index)


def test_each_label_that_is_read_counts() -> None:
    one = node()
    plain = arguments_of(one, names())
    assert arguments_of(one, names()) is plain
    assert arguments_of(one, names(inputs=WEB)).at(("q",)).whole == WEB
    assert arguments_of(one, names(output=WEB)).at(("deep", "list", 0)).whole == WEB
    assert arguments_of(one, names(item=WEB)).at(("text",)).whole == WEB
    assert arguments_of(one, names(index=WEB)).at(("index",)).whole == WEB
    assert arguments_of(one, names()) == plain


def test_labels_of_a_chained_step_are_those_of_its_request() -> None:
    one = node()
    assert Labels.read(recorded_of(one, names(output=WEB))) == arguments_of(one, names(output=WEB))
    assert Labels.read(recorded_of(one, names())) == arguments_of(one, names())


def test_inputs_that_a_run_did_not_get_are_not_kept() -> None:
    one = node()
    before = arguments_of(one, names())
    other = Names(INPUTS, lambda _: Labels.of_whole(TRUSTED), Labels.of_whole(TRUSTED), others={"q": WEB})
    assert arguments_of(one, other).at(("q",)).whole == WEB
    assert arguments_of(one, names()) is before


def test_few_are_kept() -> None:
    one = node()
    for number in range(3 * KNOWN_MOST):
        origin = Label(USER.integrity, origins=frozenset({f"door-{number}"}))
        assert arguments_of(one, names(inputs=origin)).at(("q",)).whole == origin
    assert len(one.known) <= KNOWN_MOST + 2
