"""``agentctl compliance``: reports are written, and verified without a server."""

import json
from pathlib import Path

import pytest

from tests.support.audit import KEY
from tests.support.ctl import Ctl


@pytest.mark.parametrize("form", ["json", "html"])
def test_a_report_is_written_and_verified(tmp_path: Path, form: str) -> None:
    file, ctl = tmp_path / f"report.{form}", Ctl(tmp_path)
    made = ctl("compliance", "report", "--from", "30d", "--format", form, "--file", str(file))
    assert made.code == 0, made.err
    assert "Erasures of data subjects" in made.err
    done = ctl("compliance", "verify", str(file), "--key", KEY.public.text, "-o", "json")
    assert done.code == 0, done.err
    assert done.document["intact"] is True
    assert (done.document["organisation"], done.document["entries"]) == ("acme", 21)


@pytest.mark.parametrize(
    ("form", "old", "new"),
    [
        ("json", "2 times", "1 times"),
        ("json", '"erased": 1', '"erased": 0'),
        ("html", "said yes 1 times", "said yes 0 times"),
    ],
)
def test_a_change_is_found_and_named(tmp_path: Path, form: str, old: str, new: str) -> None:
    file, ctl = tmp_path / f"report.{form}", Ctl(tmp_path)
    ctl("compliance", "report", "--from", "30d", "--format", form, "--file", str(file))
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    done = ctl("compliance", "verify", str(file), "--key", KEY.public.text)
    assert done.code == 1
    assert "is not what was signed" in done.err


@pytest.mark.parametrize("text", ["", "{", "[]", "<p>a page</p>"])
def test_a_file_that_is_no_report_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x"
    file.write_text(text, encoding="utf-8")
    done = Ctl(tmp_path)("compliance", "verify", str(file), "--key", KEY.public.text)
    assert done.code == 2
    assert "is no report" in done.err


def test_a_key_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps({"report": 1}), encoding="utf-8")
    assert Ctl(tmp_path)("compliance", "verify", str(file)).code == 2


@pytest.mark.parametrize("text", ["", "[]", "providers:"])
def test_facts_that_are_no_json_object_are_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "providers.json"
    file.write_text(text, encoding="utf-8")
    done = Ctl(tmp_path)("compliance", "state", str(file))
    assert (done.code, bool(done.err)) == (2, True)
