"""The header that says what a record's data is labelled with."""

import pytest
from msgspec import structs

from schemas.payload import Inline
from schemas.records.run_events import SignalReceived
from streams.core.commands import Emit
from streams.runtime.label_headers import LABELS, label_headers
from streams.runtime.routing import to_out
from tests.support.labels import Labelled, security, tool
from tests.support.runs import RUN, World, function, resolved, submitted

CARD, SECRET = {"$": ["trusted", "class:card"]}, {"$.a": ["trusted", "class:secret"], "$": ["trusted"]}


def test_records_of_a_run_say_their_label() -> None:
    world = Labelled()
    inputs = {"$": ["trusted"], "$.q": ["user", "class:pii", "from:form"]}
    world.begin(resolved(tool("t", "search", inputs={"q": "{{q}}"})), {"q": 1}, security=security(inputs))
    assert to_out(world.requests[0]).headers == ((LABELS, b"user,class:pii"),)
    assert to_out(world.events[0][0]).headers == ((LABELS, b"user,class:pii"),)
    world.succeed("t", {"id": 1})
    views = [one.record for one in world.last if isinstance(one, Emit) and one.record in world.views]
    assert label_headers(views[0]) == ((LABELS, b"web,class:pii"),)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ((), b"user"),
        ((CARD,), b"user,class:card"),
        ((CARD, CARD, SECRET, CARD), b"user,class:card,class:secret"),
        (({}, SECRET), b"user,class:secret"),
    ],
)
def test_a_view_says_the_labels_of_all_that_it_shows(outputs: tuple[dict[str, list[str]], ...], words: bytes) -> None:
    world = Labelled()
    world.begin(resolved(function("a")))
    view = world.views[0]
    shown = [structs.replace(view.steps[0], output=Inline(value=1, labels=one)) for one in outputs]
    assert label_headers(structs.replace(view, steps=shown)) == ((LABELS, words),)
    given = {str(number): Inline(value=1, labels=one) for number, one in enumerate(outputs)}
    assert label_headers(structs.replace(view, output=given)) == ((LABELS, words),)


def test_records_of_other_runs_have_no_header() -> None:
    world = World()
    world.submit(function("a"))
    world.succeed("a", 1)
    records = [one.record for one in world.commands if isinstance(one, Emit)]
    assert {to_out(one).headers for one in records} == {()}
    assert to_out(submitted(resolved(function("a")))).headers == ()


def test_a_worker_s_word_and_a_signal_s_are_said() -> None:
    payload = Inline(value=1, labels={"$": ["third_party", "readers"]})
    signal = SignalReceived(run_id=RUN, org_id="o", name="s", signal_id="1", payload=payload)
    assert label_headers(signal) == ((LABELS, b"third_party,readers"),)
    assert label_headers(SignalReceived(run_id=RUN, org_id="o", name="s", signal_id="1", payload=Inline(value=1))) == ()
