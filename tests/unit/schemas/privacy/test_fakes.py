"""Fakes have the shape of the value, pass its checks, and belong to nobody."""

import ipaddress
import os
import re

import pytest
from stdnum import iban, luhn

from schemas.privacy.fakes import fake_of
from schemas.privacy.kinds import REDACTED_KINDS

SEEDS = [os.urandom(32) for _ in range(200)]


def fakes(kind: str, value: str) -> list[str]:
    return [fake_of(kind, value, seed) for seed in SEEDS]


def test_equal_seeds_give_equal_fakes_and_others_differ() -> None:
    for kind in REDACTED_KINDS:
        value = "Ann Miller 1234-5678-9012"
        assert fakes(kind, value) == fakes(kind, value)
        assert len(set(fakes(kind, value))) > 50, kind
        assert value not in fakes(kind, value)


def test_mails_and_urls_are_at_example_domains() -> None:
    assert all(re.fullmatch(r"[a-z.]+\d{4}@example\.(com|net|org)", one) for one in fakes("email", "ann@firm.com"))
    assert all(re.fullmatch(r"http://\w+\.example\.\w+/", one) for one in fakes("url", "http://firm.com/x?y=z"))


def test_phone_numbers_are_those_of_fiction() -> None:
    assert all(re.fullmatch(r"\+1 [2-9][0-8]\d 555 01\d\d", one) for one in fakes("phone", "+49 30 1234567"))
    assert all(re.fullmatch(r"\+44 7700 900\d{3}", one) for one in fakes("phone", "+44 20 7946 0000"))


@pytest.mark.parametrize("value", ["4111 1111 1111 1111", "378282246310005", "4111-1111-1111-1111"])
def test_cards_pass_luhn_in_a_test_range(value: str) -> None:
    for one in fakes("card", value):
        digits = re.sub(r"\D", "", one)
        assert luhn.is_valid(digits)
        assert digits.startswith("400000")
        assert re.sub(r"\d", "0", one) == re.sub(r"\d", "0", value)


@pytest.mark.parametrize(
    "value", ["DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "FR14 2004 1010 0505 0001 3M02 606", "short"]
)
def test_ibans_have_right_check_digits_and_no_bank(value: str) -> None:
    for one in fakes("iban", value):
        plain = one.replace(" ", "")
        assert iban.is_valid(plain, check_country=False)
        assert set(plain[4:12]) <= {"0", "X"}
        if len(value) > 10:
            assert len(one) == len(value)
            assert one[:2] == value[:2]


def test_social_security_numbers_are_never_issued_ones() -> None:
    assert all(re.fullmatch(r"9\d\d-0[1-9]-(?!0000)\d{4}", one) for one in fakes("ssn", "123-45-6789"))


def test_addresses_are_those_of_documentation() -> None:
    nets = [ipaddress.ip_network(one) for one in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
    assert all(any(ipaddress.ip_address(one) in net for net in nets) for one in fakes("ip", "8.8.8.8"))
    six = ipaddress.ip_network("2001:db8::/32")
    assert all(ipaddress.ip_address(one) in six for one in fakes("ip", "2a00:1450::1"))
    assert all(one.startswith("00:00:5e:00:53:") for one in fakes("mac", "ab:cd:ef:01:23:45"))


def test_dates_keep_their_form() -> None:
    assert all(re.fullmatch(r"(19|20)\d\d-[01]\d-[0-3]\d", one) for one in fakes("date_of_birth", "1987-06-05"))
    assert all(re.fullmatch(r"(0\d|1[0-2])/(0\d|1[0-2])/\d{4}", one) for one in fakes("date_of_birth", "05/06/1987"))
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", one) for one in fakes("date_of_birth", "5 June 1987"))


@pytest.mark.parametrize(
    ("kind", "value", "form"),
    [("date_of_birth", "05/06/1987", r"(0\d|1[0-2])/(0\d|1[0-2])/\d{4}"), ("name", "Ann", r"[A-Z][a-z]+")],
)
def test_a_seed_that_draws_the_value_itself_draws_once_more(kind: str, value: str, form: str) -> None:
    for seed in SEEDS:
        drawn = fake_of(kind, value, seed)
        again = fake_of(kind, drawn, seed)
        assert again != drawn
        assert re.fullmatch(form, again)


def test_other_kinds_keep_letters_and_digits_in_place() -> None:
    assert all(re.fullmatch(r"[A-Z]{2}-[a-z]\d{3}!", one) for one in fakes("passport", "AB-c123!"))
