"""Labels that imported cases declare."""

import msgspec
import pytest

from schemas.errors import InvalidInput
from schemas.labels.label import Integrity
from schemas.prompts.evaluations import Case
from services.prompts.evaluations.cases import from_source, read_lines, read_table
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
