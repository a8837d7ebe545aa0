"""BIPIA's train half (MIT), read where it is when a figure is measured: clean e-mails, and attacks to plant in them."""

import json

from bench.privacy.corpora import corpus


def clean_emails() -> list[str]:
    """Return e-mails without an attack. Raises ``NotThere`` without the corpus."""
    lines = corpus("bipia/email-train.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["context"] for line in lines]


def attacks() -> dict[str, list[str]]:
    """Return attack texts by family. Raises ``NotThere`` without the corpus."""
    found: dict[str, list[str]] = json.loads(corpus("bipia/text_attack_train.json").read_text("utf-8"))
    return found
