"""Price lists of organisations: which version holds, what it prices, and what settlements name."""

import json
from typing import Any

import pytest

from bench.prove.calls.prices import AT_MS, CASES, cost_of
from connectors.prices.book import LIST_VERSION, PriceBook
from connectors.prices.overrides import Override
from schemas.errors import BadRecord, StepError, Unavailable
from schemas.price_lists import PriceList, StoredPriceList
from schemas.records.base import Usage
from schemas.records.definitions import Definition
from services.prices.lists import OrganisationLists, PriceLists
from services.prices.organisation import list_number

BOOK = PriceBook.load()
USAGE = Usage(input_tokens=1_000, output_tokens=100)
#: gpt-4o: 2.50 USD and 10 USD per million tokens.
LISTED = 1_000 * 2_500 + 100 * 10_000
FROM_MS = AT_MS + 1_000


def entry(input_usd: str, output_usd: str, model: str = "gpt-4o", **more: Any) -> dict[str, Any]:
    given = {"provider": "openai", "model": model, "input_usd_per_mtok": input_usd, "output_usd_per_mtok": output_usd}
    return given | more


def stored(version: int, from_ms: int, *prices: dict[str, Any], **more: Any) -> StoredPriceList:
    rules = PriceList.model_validate({"prices": prices} | more)
    return StoredPriceList(version=version, effective_from_ms=from_ms, rules=rules)


def definition(one: StoredPriceList, org_id: str = "acme") -> Definition:
    body = json.loads(json.dumps(one.body()))
    return Definition(
        kind="price_list", org_id=org_id, id="prices", version=one.version, body=body, changed_at_ms=AT_MS
    )


def rule(model: str, as_model: str, as_provider: str = "openai") -> list[dict[str, str]]:
    return [{"provider": "openai", "model": model, "as_provider": as_provider, "as_model": as_model}]


def lists(*all_of: StoredPriceList) -> PriceLists:
    found = PriceLists(BOOK)
    for one in all_of:
        found.apply(definition(one))
    found.mark_loaded()
    return found


def cost(found: PriceLists, at_ms: int, model: str = "gpt-4o", org_id: str = "acme") -> int:
    return found.of(org_id, at_ms).cost("openai", model, USAGE, at_ms)


def test_a_list_holds_from_its_millisecond_on_and_for_its_organisation_only() -> None:
    found = lists(stored(1, FROM_MS, entry("1", "2")))
    assert cost(found, FROM_MS - 1) == LISTED
    assert cost(found, FROM_MS) == 1_000 * 1_000 + 100 * 2_000
    assert cost(found, FROM_MS, org_id="other") == LISTED


def test_of_two_lists_the_one_that_began_last_holds_whatever_their_order() -> None:
    early, late = stored(2, FROM_MS, entry("1", "0")), stored(1, FROM_MS + 10, entry("3", "0"))
    for order in ((early, late), (late, early)):
        found = lists(*order)
        assert [cost(found, FROM_MS + at) for at in (-1, 0, 9, 10, 10**9)] == [
            LISTED,
            1_000_000,
            1_000_000,
            3_000_000,
            3_000_000,
        ]


def test_of_two_lists_with_one_time_the_higher_version_holds() -> None:
    found = lists(stored(2, FROM_MS, entry("7", "0")), stored(1, FROM_MS, entry("1", "0")))
    assert cost(found, FROM_MS) == 7_000_000


def test_a_list_in_the_future_changes_nothing_before_its_time() -> None:
    found = lists(stored(1, FROM_MS + 10**12, entry("9", "9")))
    assert cost(found, FROM_MS) == LISTED
    assert found.of("acme", FROM_MS) is BOOK
    assert found.of("acme", FROM_MS).version("openai", "gpt-4o") == LIST_VERSION


def test_a_version_never_changes() -> None:
    found = lists(stored(1, FROM_MS, entry("1", "0")))
    found.apply(definition(stored(1, FROM_MS, entry("9", "0"))))
    assert cost(found, FROM_MS) == 1_000_000


def test_a_settlement_is_computed_again_by_the_versions_that_it_names() -> None:
    first, second = stored(1, FROM_MS, entry("1", "2")), stored(2, FROM_MS + 5, entry("3", "4"))
    found = lists(first)
    booked = [(at, found.of("acme", at).version("openai", "gpt-4o"), cost(found, at)) for at in (FROM_MS - 1, FROM_MS)]
    found.apply(definition(second))
    found.apply(definition(stored(3, FROM_MS - 100, entry("5", "6"))))
    for at, version, amount in booked:
        assert found.booked("acme", version).cost("openai", "gpt-4o", USAGE, at) == amount, version
    assert booked[1][1] == f"list@1+{LIST_VERSION}"


def test_all_hand_computed_cases_cost_the_same_under_a_list_that_does_not_name_their_models() -> None:
    cases = json.loads(CASES.read_text(encoding="utf-8"))
    under = lists(stored(1, 0, entry("1", "1", "another-model"))).of("acme", AT_MS)
    assert under is not BOOK
    assert [cost_of(under, case) for case in cases] == [case["nano"] for case in cases]


@pytest.mark.parametrize(
    ("prices", "usage", "nano"),
    [
        # 333 at 0.375 and 7 at 0.30 USD a million: 124,875 + 2,100 nano-dollars.
        (entry("0.375", "0.3"), Usage(input_tokens=333, output_tokens=7), 126_975),
        # 1 token at 0.0005 USD per million is half a nano-dollar.
        (entry("0.0005", "0"), Usage(input_tokens=1), 1),
        (entry("0.000499999999", "0"), Usage(input_tokens=1), 0),
        # 90 of 100 tokens at 0.1, 10 at 1, a request at 0.01 USD.
        (
            entry("1", "2", cache_read_usd_per_mtok="0.1", usd_per_request="0.01"),
            Usage(input_tokens=100, cache_read_tokens=90),
            9_000 + 10_000 + 10_000_000,
        ),
        # Two searches at 0.005 USD.
        (entry("0", "0", usd_per_web_search="0.005"), Usage(web_searches=2), 10_000_000),
        # A third of the writes for an hour: 20 at 2, 40 at 1.25, 40 at 1.
        (
            entry("1", "0", cache_write_usd_per_mtok="1.25", cache_write_1h_usd_per_mtok="2"),
            Usage(input_tokens=100, cache_write_tokens=60, cache_write_1h_tokens=20),
            40_000 + 50_000 + 40_000,
        ),
    ],
)
def test_entries_of_a_list_are_exact(prices: dict[str, Any], usage: Usage, nano: int) -> None:
    assert lists(stored(1, 0, prices)).of("acme", AT_MS).cost("openai", "gpt-4o", usage, AT_MS) == nano


def test_an_entry_of_a_list_replaces_that_of_a_file_and_keeps_what_the_model_can_read() -> None:
    of_file = Override.model_validate(entry("9", "9", version="file-1", context_tokens=4_096, picture_tokens=85))
    found = OrganisationLists(PriceBook([of_file]), [stored(1, 0, entry("1", "1"))]).at(AT_MS)
    assert found.cost("openai", "gpt-4o", USAGE, AT_MS) == 1_100_000
    assert (found.context_tokens("openai", "gpt-4o"), found.picture_tokens("openai", "gpt-4o")) == (4_096, 85)
    below = OrganisationLists(PriceBook([of_file]), [stored(1, 0, entry("1", "1", "other"))]).at(AT_MS)
    assert below.version("openai", "gpt-4o") == "list@1+file-1"


def test_a_model_in_no_list_is_refused_also_under_a_list() -> None:
    under = lists(stored(1, 0, entry("1", "1"))).of("acme", AT_MS)
    with pytest.raises(StepError, match="priced_as") as caught:
        under.estimate("openai", "gpt-none", 1, 1, AT_MS)
    assert caught.value.code == "unpriced_model"
    assert under.priced_as("openai", "gpt-none") == ""


def test_an_unknown_model_costs_what_its_stand_in_costs_with_a_flag() -> None:
    under = lists(stored(1, 0, priced_as=rule("gpt-none", "gpt-4o"))).of("acme", AT_MS)
    assert under.cost("OpenAI", "GPT-none", USAGE, AT_MS) == LISTED
    assert under.estimate("openai", "gpt-none", 10, 10, AT_MS) == BOOK.estimate("openai", "gpt-4o", 10, 10, AT_MS)
    assert under.priced_as("openai", "gpt-none") == "openai/gpt-4o"
    with pytest.raises(StepError):
        under.cost("openai", "gpt-other", USAGE, AT_MS)


def test_a_rule_for_any_model_leaves_models_with_a_price_alone() -> None:
    given = stored(1, 0, entry("1", "0", "ours"), priced_as=[*rule("*", "ours"), *rule("exact", "gpt-4o")])
    under = lists(given).of("acme", AT_MS)
    assert under.cost("openai", "gpt-none", USAGE, AT_MS) == 1_000_000
    assert under.cost("openai", "exact", USAGE, AT_MS) == LISTED
    assert (under.cost("openai", "gpt-4o", USAGE, AT_MS), under.priced_as("openai", "gpt-4o")) == (LISTED, "")
    with pytest.raises(StepError):
        under.cost("anthropic", "none", USAGE, AT_MS)


def test_stand_ins_do_not_chain() -> None:
    under = lists(stored(1, 0, priced_as=[*rule("a", "b"), *rule("b", "gpt-4o")])).of("acme", AT_MS)
    with pytest.raises(StepError):
        under.cost("openai", "a", USAGE, AT_MS)


def test_nothing_is_known_before_the_first_load() -> None:
    found = PriceLists(BOOK)
    with pytest.raises(Unavailable):
        found.of("acme", AT_MS)
    found.mark_loaded()
    assert found.of("acme", AT_MS) is BOOK


def test_a_body_that_is_no_list_is_a_bad_record_and_other_kinds_are_ignored() -> None:
    found = PriceLists(BOOK)
    with pytest.raises(BadRecord, match="effective_from_ms"):
        found.apply(Definition(kind="price_list", org_id="a", id="prices", body={"version": 1}, changed_at_ms=0))
    found.apply(Definition(kind="prompt", org_id="a", id="p", body={}, changed_at_ms=0))


@pytest.mark.parametrize(
    ("version", "number"), [("list@12+genai-prices/1", 12), ("local-1", 0), ("", 0), ("list@x", 0)]
)
def test_a_settlement_names_its_list(version: str, number: int) -> None:
    assert list_number(version) == number


def test_a_model_is_named_once() -> None:
    with pytest.raises(ValueError, match="prices names openai/gpt-4o twice"):
        stored(1, 0, entry("1", "1"), entry("2", "2", "GPT-4o"))
