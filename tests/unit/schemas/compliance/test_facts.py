"""Facts of providers: which entry counts for which field, and what is unknown."""

import pytest
from pydantic import ValidationError

from schemas.compliance.facts import Facts, FactsDocument, FactsEntry, Known, StoredFacts
from schemas.compliance.shipped import SHIPPED


def facts(*own: FactsEntry) -> Facts:
    return Facts(SHIPPED, FactsDocument(providers=own), 1)


def known(found: Known) -> tuple[object, ...]:
    return (found.regions, found.retention_days, found.trains)


def test_what_nobody_states_is_unknown() -> None:
    assert facts().of("somebody", "some-model") == Known()


def test_shipped_facts_say_nothing_of_regions_of_outside_providers() -> None:
    assert [one.route for one in SHIPPED.providers if one.regions is not None] == ["local"]


def test_an_organisations_fields_go_before_the_shipped_ones() -> None:
    own = FactsEntry(route="openai", regions=("eu",), source="contract 7")
    found = facts(own).of("openai", "gpt-4.1")
    assert known(found) == (("eu",), 30, False)
    assert dict(found.sources)["regions"] == "contract 7"


def test_the_entry_that_names_the_route_more_exactly_counts() -> None:
    entries = (
        FactsEntry(route="*", regions=("us",), trains=True),
        FactsEntry(route="azure/*", regions=("eu",)),
        FactsEntry(route="azure/gpt-*", regions=("eu-west-1",)),
        FactsEntry(route="azure/gpt-4.1", regions=("de",)),
    )
    found = facts(*entries)
    assert [found.of("azure", name).regions for name in ("gpt-4.1", "gpt-5", "other")] == [
        ("de",),
        ("eu-west-1",),
        ("eu",),
    ]
    assert known(found.of("elsewhere", "m")) == (("us",), None, True)


def test_a_null_that_is_written_says_that_it_is_unknown() -> None:
    entry = FactsEntry.model_validate({"route": "openai", "trains": None})
    document = FactsDocument(providers=(entry,))
    again = StoredFacts.model_validate(StoredFacts(version=1, facts=document).body()).facts
    assert Facts(SHIPPED, again).of("openai", "m").trains is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"providers": [{"route": "a"}, {"route": "a"}]},
        {"providers": [{"route": "a", "regions": []}]},
        {"providers": [{"route": "a", "regions": ["Europe"]}]},
        {"providers": [{"route": "a", "retention_days": -1}]},
        {"providers": [{"route": "a", "retention": 1}]},
    ],
)
def test_facts_that_are_none_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FactsDocument.model_validate(wrong)
