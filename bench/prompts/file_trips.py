"""Prompts at random, written as files and read back: each is the same prompt, and the same bytes."""

import random
from collections.abc import Iterator
from typing import Any

from schemas.api_models.prompts.versions import CreatePrompt
from schemas.errors import InvalidSpec
from schemas.prompt_files.own import read_prompt, write_prompt

_PIECES = (
    *("{{name}}", "{{> part@2}}", '{{role "user"}}', "{{media url=a}}", "---", "\n", "\r\n", "\t", " ", "# x"),
    *("'", '"', ": ", "- ", "|", ">", "\\", "no", "0o10", "1e3", "\u2028", "\x85", "\x1b", "\ufeff", "é", "𝛼"),
    *("%", "@", "`", "{", "]"),
)
_ROLES = ("system", "developer", "user", "assistant")


def changed(count: int, seed: int = 0) -> int:
    """Return how many of ``count`` prompts do not come back as they were."""
    return sum(not _comes_back(prompt) for prompt in _prompts(count, random.Random(seed)))  # noqa: S311 - no secret


def _comes_back(prompt: CreatePrompt) -> bool:
    text = write_prompt(prompt)
    try:
        again = read_prompt(text)
    except InvalidSpec:
        return False
    return again == prompt and write_prompt(again) == text


def _prompts(count: int, chance: random.Random) -> Iterator[CreatePrompt]:
    for _ in range(count):
        body: dict[str, Any] = {"name": chance.choice(("greeter", "no", "a.b-c", "null"))}
        if chance.random() < 0.5:
            body["template"] = _text(chance)
        else:
            roles = ["user", *(chance.choice(_ROLES) for _ in range(chance.randrange(3)))]
            body["messages"] = [{"role": role, "template": _text(chance)} for role in roles]
        if chance.random() < 0.5:
            body["schema"] = {_text(chance): {"type": "string", "description": _text(chance), "required": True}}
        if chance.random() < 0.5:
            body["parameters"] = {"temperature": chance.random() * 2, "stop": [_text(chance)], "model": _text(chance)}
        if chance.random() < 0.5:
            body["message"] = _text(chance)
        yield CreatePrompt.model_validate(body)


def _text(chance: random.Random) -> str:
    return "".join(chance.choice(_PIECES) for _ in range(chance.randint(1, 8)))
