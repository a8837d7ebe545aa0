"""What a policy hides is taken out of values: by path, and by the data class of a place."""

from typing import Any

import pytest

from schemas.labels.mapped import Labels
from schemas.policies.rulings import Changes
from services.security.enforcement.redaction import redacted

VALUE = {"name": "Ann", "cards": [{"number": "4111", "kind": "x"}, {"number": "4222"}], "note": "hi"}
PII, CARD = ["trusted", "class:pii"], ["trusted", "class:card"]


@pytest.mark.parametrize(
    ("labels", "changes", "expected"),
    [
        ({"$": PII}, Changes(), VALUE),
        ({"$": PII}, Changes(redact=("$.note", "$.missing.x")), VALUE | {"note": "[redacted]"}),
        (
            {"$": PII},
            Changes(redact=("$.cards[*].number",)),
            VALUE | {"cards": [{"number": "[redacted]", "kind": "x"}, {"number": "[redacted]"}]},
        ),
        (
            {"$": ["trusted"], "$.cards[1]": CARD},
            Changes(redact_classes=frozenset({"card"})),
            VALUE | {"cards": [VALUE["cards"][0], "[redacted]"]},
        ),
        (
            {"$": ["trusted"], "$.cards[*].number": CARD},
            Changes(redact_classes=frozenset({"card"})),
            VALUE | {"cards": [{"number": "[redacted]", "kind": "x"}, {"number": "[redacted]"}]},
        ),
        # What lies below a place without a label of its own has the place's.
        (
            {"$": PII, "$.note": ["trusted"]},
            Changes(redact_classes=frozenset({"pii"})),
            {"name": "[redacted]", "cards": "[redacted]"} | {"note": "hi"},
        ),
        ({"$": PII}, Changes(redact_classes=frozenset({"pii"})), "[redacted]"),
    ],
)
def test_places_are_replaced(labels: dict[str, list[str]], changes: Changes, expected: Any) -> None:
    before = repr(VALUE)
    found = redacted(VALUE, Labels.read(labels), changes)
    assert repr(VALUE) == before
    assert found == expected
