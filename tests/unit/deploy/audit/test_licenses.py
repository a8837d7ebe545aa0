"""Licenses: what metadata means, what is allowed, and the committed page."""

import pytest

from deploy.audit import report
from deploy.audit.licenses import EXCEPTIONS, UNKNOWN, license_from, license_of, refused
from deploy.audit.locks import locked


@pytest.mark.parametrize(
    ("expression", "text", "classifiers", "license_"),
    [
        ("Apache-2.0 OR MIT", "GPL", [], "Apache-2.0 OR MIT"),
        ("", "Apache License, Version 2.0", [], "Apache-2.0"),
        ("", "MIT License\n\nCopyright", [], "MIT"),
        ("", "", ["BSD License"], "BSD-3-Clause"),
        ("", "MPL-2.0 AND MIT", [], "MPL-2.0 AND MIT"),
        ("", "Copyright (c) 2020 Somebody", ["ISC License (ISCL)"], "ISC"),
        ("", "as is", ["DFSG approved"], UNKNOWN),
        ("", "", [], UNKNOWN),
    ],
)
def test_metadata_is_read_in_its_order(expression: str, text: str, classifiers: list[str], license_: str) -> None:
    assert license_from(expression, text, classifiers) == license_


@pytest.mark.parametrize(
    "said",
    ["MIT", "Apache-2.0 OR GPL-3.0-only", "MPL-2.0 AND (Apache-2.0 OR MIT)", "(GPL-3.0-only OR MIT) AND BSD-3-Clause"],
)
def test_allowed_license_and_a_choice_of_one_are_accepted(said: str) -> None:
    assert refused("some-package", said) == ""


@pytest.mark.parametrize("said", ["GPL-3.0-only", "AGPL-3.0-or-later", "MIT AND GPL-2.0-only", "Proprietary"])
def test_other_license_is_refused(said: str) -> None:
    assert "is not allowed" in refused("some-package", said)


def test_unknown_license_is_refused_with_the_remedy() -> None:
    assert "state it in" in refused("some-package", UNKNOWN)


def test_license_file_of_the_agpl_is_refused_whatever_metadata_says(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = iter(["GNU AFFERO GENERAL PUBLIC LICENSE", "x" * 5_000 + "AFFERO GENERAL PUBLIC"])
    monkeypatch.setattr("deploy.audit.licenses.license_files", lambda _: [next(texts)])
    assert "AGPL" in refused("some-package", "MIT")
    assert refused("some-package", "MIT") == ""


def test_every_package_of_the_locks_is_accepted() -> None:
    names = sorted({one.name for one in locked() if not one.is_apart})
    assert [why for name in names if (why := refused(name, license_of(name)))] == []


def test_exceptions_are_packages_of_the_locks() -> None:
    assert set(EXCEPTIONS) <= {one.name for one in locked()}


def test_copyleft_in_images_is_the_lesser_one() -> None:
    copyleft = {one.name for one in locked() if one.in_images and one.name in EXCEPTIONS}
    assert {license_of(name).split("-")[0] for name in copyleft} == {"LGPL"}


def test_page_is_what_the_locks_say() -> None:
    assert report.PAGE.read_text(encoding="utf-8") == report.page(locked())
