"""Attacks and look-alikes in eleven languages: ``known`` for tuning, ``held_out`` for measuring only. Written by hand.

Both tables have the same author as the rules, so what they measure is an upper bound for attacks of strangers.
"""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).parent


class Table(NamedTuple):
    """Texts of one language."""

    attacks: tuple[str, ...]
    look_alikes: tuple[str, ...]


@cache
def table(name: str) -> dict[str, Table]:
    """Return the table ``known`` or ``held_out`` by language."""
    written = json.loads((_FOLDER / f"{name}.json").read_text("utf-8"))
    return {language: Table(tuple(of["attacks"]), tuple(of["look_alikes"])) for language, of in written.items()}
