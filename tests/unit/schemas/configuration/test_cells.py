"""The file of other cells: what is wrong is named, and no token is in an error."""

import json
from pathlib import Path

import pytest

from schemas.configuration.cells import read_cells
from schemas.settings import Settings

TOKEN = "t" * 40


def written(folder: Path, cells: object, token: str = TOKEN) -> str:
    (folder / "token").write_text(token, encoding="utf-8")
    file = folder / "cells.json"
    file.write_text(json.dumps(cells).replace("TOKEN", str(folder / "token")), encoding="utf-8")
    return str(file)


def test_cells_are_read_with_their_tokens(tmp_path: Path) -> None:
    found = read_cells(written(tmp_path, {"west": {"url": "https://west.example/", "token_file": "TOKEN"}}))
    assert (found["west"].url, found["west"].token) == ("https://west.example", TOKEN)
    assert TOKEN not in repr(found)
    assert read_cells("") == {}


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([], "no object of cells"),
        ({"West!": {"url": "https://w", "token_file": "TOKEN"}}, "no name of a cell"),
        ({"west": {"url": "https://w"}}, 'needs "url" and "token_file"'),
        ({"west": {"url": "http://w.example", "token_file": "TOKEN"}}, "no address of https"),
        ({"west": {"url": "https://u:p@w.example", "token_file": "TOKEN"}}, "no address of https"),
        ({"west": {"url": "https://w.example/path", "token_file": "TOKEN"}}, "no address of https"),
        ({"west": {"url": "https://w", "token_file": "/nowhere"}}, "cannot be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, cells: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_cells(written(tmp_path, cells))


def test_a_short_token_is_refused_and_not_shown(tmp_path: Path) -> None:
    short = "secret-short"
    with pytest.raises(ValueError, match="shorter than 32") as caught:
        read_cells(written(tmp_path, {"west": {"url": "https://w", "token_file": "TOKEN"}}, short))
    assert short not in str(caught.value)
    _, problems = Settings.checked({"CELL_TOKEN": short})
    assert "shorter than 32" in problems["CELL_TOKEN"]
    assert short not in problems["CELL_TOKEN"]
