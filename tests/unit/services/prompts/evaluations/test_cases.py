"""Labels that imported cases declare."""

import msgspec
import pytest

from schemas.errors import InvalidInput
from schemas.labels.label import Integrity
from schemas.labels.mapped import Labels
from schemas.prompts.evaluations import Case
from services.prompts.evaluations.cases import from_columns, from_source, read_lines, read_table
from services.prompts.evaluations.start import labels_of


def lines(*labels: object) -> bytes:
    return b"\n".join(msgspec.json.encode({"inputs": {"text": "a", "n": 1}, "labels": one}) for one in labels)


def test_a_row_says_how_far_its_values_are_to_be_trusted() -> None:
    first, second = read_lines(lines({"$.inputs.text": "web class:pii"}, {"$": ["third_party"]}))
    assert first.labels == {"$": ["trusted"], "$.inputs.text": ["web", "class:pii"]}
    assert second.labels == {"$": ["third_party"]}
    labels = labels_of([first, second])
    assert labels is not None
    assert labels.nearest(("cases", 0, "inputs", "text")).classes == {"pii"}
    assert labels.nearest(("cases", 0, "inputs", "n")).integrity == Integrity.TRUSTED
    assert labels.nearest(("cases", 1, "inputs", "n")).integrity == Integrity.THIRD_PARTY


def test_the_source_of_an_import_counts_for_all_of_it() -> None:
    read = [*read_lines(lines({"$.inputs.text": "web"})), *read_table(b"text\nhello\n")]
    first, second = from_source(read, "third_party class:pii")
    assert first.labels == {"$": ["third_party", "class:pii"], "$.inputs.text": ["web", "class:pii"]}
    assert second.labels == {"$": ["third_party", "class:pii"]}
    # It says nothing better of a case than the case itself.
    assert from_source([Case(id="1", labels={"$": ["web"]})], "trusted")[0].labels == {"$": ["web"]}


@pytest.mark.parametrize("labels", ["web", {"$": "webb"}, {"text": "web"}, {"$": [1]}, {"$": 1}, ["web"]])
def test_what_are_no_labels_are_refused_by_their_line(labels: object) -> None:
    with pytest.raises(InvalidInput) as e:
        read_lines(lines({"$": "web"}, labels))
    (problem,) = e.value.problems
    assert problem.path == "line 2 labels"
    assert "$.inputs.text" in (problem.fix or "")


def test_a_source_that_is_no_label_is_refused() -> None:
    with pytest.raises(InvalidInput, match="source"):
        from_source([Case(id="1")], "internet")


TABLE = b"page,instruction,note,expected\nsend it,sum up,n,yes\n"


def test_columns_of_a_table_have_labels_of_their_own() -> None:
    (case,) = from_columns(read_table(TABLE), '{"page": "web class:pii", "instruction": "user", "expected": "trusted"}')
    labels = Labels.read(case.labels)
    found = {name: labels.nearest(("inputs", name)).words for name in ("page", "instruction", "note")}
    assert found == {"page": ["web", "class:pii"], "instruction": ["user"], "note": ["web", "from:unlabelled"]}
    assert labels.nearest(("expected",)).words == ["trusted"]


def test_columns_that_are_not_named_have_the_source_and_a_case_is_only_made_stricter() -> None:
    (case,) = from_columns(read_table(TABLE), '{"page": "web"}', "third_party")
    labels = Labels.read(case.labels)
    assert labels.nearest(("inputs", "note")).words == ["third_party"]
    assert labels.nearest(("inputs", "page")).words == ["web"]
    own = Case(id="1", inputs={"a": "x"}, labels={"$.inputs.a": ["web", "class:hr"]})
    (stricter,) = from_columns([own], '{"a": "user class:pii"}', "trusted")
    assert Labels.read(stricter.labels).nearest(("inputs", "a")).words == ["web", "class:hr", "class:pii"]


@pytest.mark.parametrize(
    "columns", ["page", "[]", '{"page": 1}', '{"page": "internet"}', '{"pages": "web"}', '{"tags": "web"}']
)
def test_columns_that_mean_nothing_are_refused(columns: str) -> None:
    with pytest.raises(InvalidInput, match="columns"):
        from_columns(read_table(TABLE), columns)
