"""Masks show what a person recognises and no more."""

import pytest

from schemas.privacy.masks import mask


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("email", "ann@example.com", "a***@***.com"),
        ("email", "a@example.co.uk", "***@***.uk"),
        ("email", "broken@", "***"),
        ("card", "4111 1111 1111 1234", "**** **** **** 1234"),
        ("iban", "DE02 1203 0000 0000 2020 51", "**** **** **** **** **20 51"),
        ("phone", "+1 (202) 555-0100", "+* (***) ***-0100"),
        ("phone", "555-010", "***"),
        ("ssn", "123-45-6789", "***-**-6789"),
        ("name", "Ann Miller", "A*** M***"),
        ("name", "A B", "***"),
        ("password", "hunter2", "***"),
        ("badge", "AB-1234567", "***"),
        ("email", "", "***"),
    ],
)
def test_a_mask_shows_little(kind: str, value: str, shown: str) -> None:
    assert mask(kind, value) == shown
