"""Which limits apply to a call."""

from pathlib import Path

import pytest

from schemas.errors import BadRecord
from schemas.limits.quotas import Ask, Limit, Usage
from schemas.records.definitions import Definition
from services.quotas.rules import LEARNED, QuotaRules, QuotasFile

FILE = """
limits:
  - provider: openai
    requests_per_minute: 500
    tokens_per_minute: 100000
  - {provider: openai, model: big, requests_per_day: 10}
  - {provider: openai, per: organisation, max_concurrent: 4}
  - {provider: openai, model: big, per: key, requests_per_minute: 60}
  - {provider: cohere, requests_per_minute: 20}
"""


def rules(tmp_path: Path, text: str = FILE, *, learns: bool = False) -> QuotaRules:
    (tmp_path / "quotas.yaml").write_text(text)
    return QuotaRules(QuotasFile.load(str(tmp_path / "quotas.yaml")), learns=learns)


def ask(org: str = "acme", model: str = "small", provider: str = "openai", credential: str = "k1") -> Ask:
    return Ask(org, "flow", "silver", provider, model, credential, "c", "t", Usage(1, 1, 1), 1)


def own(version: int, *limits: dict[str, object], org: str = "acme") -> Definition:
    return Definition(
        kind="quotas", org_id=org, id="quotas", version=version, body={"limits": list(limits)}, changed_at_ms=1
    )


def test_limits_of_provider_model_organisation_and_key_apply_together(tmp_path: Path) -> None:
    found = {one.key: [limit.name for limit in one.limits] for one in rules(tmp_path).scopes(ask(model="big"))}
    assert found == {
        "all:openai": ["500 requests a minute", "100000 tokens a minute"],
        "all:openai/big": ["10 requests a day"],
        "org:acme:openai": ["4 calls at once"],
        "key:k1:openai/big": ["60 requests a minute"],
    }
    assert [one.key for one in rules(tmp_path).scopes(ask("other", provider="cohere"))] == ["all:cohere"]


def test_limits_of_a_key_are_learned_and_the_given_one_stays(tmp_path: Path) -> None:
    (key,) = (one for one in rules(tmp_path, learns=True).scopes(ask(model="big")) if one.key.startswith("key:"))
    assert key.limits[0] == Limit("requests", "minute", 60)
    assert {limit.unit for limit in key.limits} == {limit.unit for limit in LEARNED}


def test_a_provider_without_a_key_teaches_nothing(tmp_path: Path) -> None:
    assert rules(tmp_path, "", learns=True).scopes(ask(credential="")) == ()


def test_the_newest_quotas_of_an_organisation_hold_for_it_alone(tmp_path: Path) -> None:
    one = rules(tmp_path, "")
    one.apply(own(2, {"requests_per_minute": 5}, {"provider": "openai", "tokens_per_day": 9}))
    one.apply(own(1, {"requests_per_minute": 7}))
    assert [(scope.name, scope.limits[0].most) for scope in one.scopes(ask())] == [
        ("all calls of acme", 5),
        ("openai of acme", 9),
    ]
    assert one.scopes(ask("other")) == ()
    one.apply(own(3))
    assert one.scopes(ask()) == ()


def test_quotas_that_cannot_be_read_are_no_quotas(tmp_path: Path) -> None:
    with pytest.raises(BadRecord, match=r"acme:quotas:1 has no quotas: limits\.0\.requests_per_minute"):
        rules(tmp_path, "").apply(own(1, {"requests_per_minute": 0}))


def test_of_two_limits_of_one_scope_the_lower_holds(tmp_path: Path) -> None:
    text = "limits: [{provider: openai, requests_per_day: 9}, {provider: openai, requests_per_day: 4}]"
    (scope,) = rules(tmp_path, text).scopes(ask())
    assert scope.limits == (Limit("requests", "day", 4),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("limits: [{model: m, requests_per_day: 1}]", "a model needs its provider"),
        ("limits: [{provider: openai}]", "limits nothing; give at least one of requests_per_minute"),
        ("limits: [{provider: openai, requests_per_hour: 1}]", r"wrong at limits\.0\.requests_per_hour"),
        ("limits: [", "is not YAML"),
    ],
)
def test_a_wrong_file_names_the_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"{says}.*see QUOTAS_FILE"):
        rules(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot be read.*see QUOTAS_FILE"):
        QuotasFile.load(str(tmp_path / "none.yaml"))
