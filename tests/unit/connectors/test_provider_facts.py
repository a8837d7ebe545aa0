"""The installation's file of facts of providers: over those that come along, under an organisation's own."""

from pathlib import Path

import pytest

from connectors.provider_facts import load_facts
from schemas.compliance.facts import Facts, FactsDocument, FactsEntry
from schemas.compliance.shipped import SHIPPED


def test_it_stands_between_what_comes_along_and_an_organisation(tmp_path: Path) -> None:
    file = tmp_path / "facts.yaml"
    file.write_text("providers:\n  - {route: openai, regions: [eu], retention_days: 0, source: contract 7}\n")
    base = load_facts(str(file))
    found = Facts(base).of("openai", "gpt-4.1")
    assert (found.regions, found.retention_days, found.trains) == (("eu",), 0, False)
    sources = dict(found.sources)
    assert sources["regions"] == "contract 7"
    assert sources["trains"].startswith("https://")
    own = FactsDocument(providers=(FactsEntry(route="openai", retention_days=10),))
    assert Facts(base, own, 1).of("openai", "gpt-4.1").retention_days == 10


def test_without_a_file_only_what_comes_along_is_known() -> None:
    assert load_facts("") is SHIPPED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- [", "cannot be read"),
        ("providers: [{route: a, regin: 1}]", r"providers\.0\.regin"),
        ("providers: [{route: a}, {route: a}]", "names a twice"),
    ],
)
def test_a_wrong_file_is_named_with_its_setting(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "facts.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=said) as caught:
        load_facts(str(file))
    assert "PROVIDER_FACTS_FILE" in str(caught.value)
    with pytest.raises(ValueError, match="cannot be read"):
        load_facts(str(tmp_path / "none.yaml"))
