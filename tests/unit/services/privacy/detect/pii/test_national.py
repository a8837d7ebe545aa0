"""The table of national numbers."""

from importlib import import_module

from services.privacy.detect.pii import PII_RULES
from services.privacy.detect.pii.national import check_of, countries


def test_numbers_of_at_least_twenty_countries_are_known() -> None:
    assert len(countries()) >= 40
    assert {"BR", "DE", "ES", "FR", "GB", "IN", "IT", "JP"} - set(countries()) == {"JP"}


def test_every_number_has_its_module_and_a_word_or_a_shape_of_its_own() -> None:
    for rule in PII_RULES:
        if rule.id.startswith("pii.national_id."):
            country, name = rule.id.removeprefix("pii.national_id.").split(".")[:2]
            module = f"stdnum.{country}_" if country in {"in", "is"} else f"stdnum.{country}"
            assert name == "nino" or hasattr(import_module(f"{module}.{name}"), "is_valid")
            assert rule.near


def test_a_number_of_one_digit_repeated_is_a_placeholder() -> None:
    assert check_of("pl.pesel")("44051409166")
    assert not check_of("pl.pesel")("00000000000")
    assert not check_of("pl.pesel")("44051409165")
