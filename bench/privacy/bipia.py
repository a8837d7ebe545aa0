"""BIPIA's train half (MIT), read where it is when a figure is measured: clean e-mails, and attacks to plant in them."""

import json
from pathlib import Path

from bench.lines import NotThere

_FOLDER = Path(__file__).parents[3] / "shared" / "corpora" / "bipia"


def clean_emails() -> list[str]:
    """Return e-mails without an attack. Raises ``NotThere`` without the corpus."""
    return [json.loads(line)["context"] for line in _read("email-train.jsonl").splitlines()]


def attacks() -> dict[str, list[str]]:
    """Return attack texts by family. Raises ``NotThere`` without the corpus."""
    found: dict[str, list[str]] = json.loads(_read("text_attack_train.json"))
    return found


def _read(name: str) -> str:
    path = _FOLDER / name
    if not path.exists():
        raise NotThere("the corpus bipia is not beside the checkout (../shared/corpora)")
    return path.read_text("utf-8")
