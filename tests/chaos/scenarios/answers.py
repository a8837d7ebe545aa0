"""The model's answers, prices and whims, worked out again: nothing of the system is asked.

What the model ``local-echo`` is documented to do: it quotes the last twelve words of a prompt's last 400 characters; a
token is a run of up to 16 word characters or one other visible one; a million tokens cost 0.10 dollars in and 0.40 out.
Which calls it refuses hangs on the idempotency key.
"""

import json
import re
from hashlib import blake2b, sha256
from typing import Any

Json = dict[str, Any]

IN_NANO, OUT_NANO = 100, 400
ERROR_RATE = 0.05
#: Longer values are judged by their hash.
LONGEST = 1_000
#: In an expected value: any text, which is for people.
ANY_TEXT = "<any text>"

_TOKEN = re.compile(r"\w{1,16}|[^\w\s]")


def say(text: str) -> str:
    """Return the prompt ``chaos_prompt`` about a text."""
    return f"Say something short about {text}"


def echo(prompt: str) -> str:
    """Return the model's answer."""
    return " ".join(prompt[-400:].split()[-12:])


def tokens(text: str) -> int:
    """Return how many tokens a text has."""
    return len(_TOKEN.findall(text))


def price(prompt: str, answer: str) -> int:
    """Return what a call costs, in nano-dollars."""
    return price_of(tokens(prompt), tokens(answer))


def price_of(input_tokens: int, output_tokens: int) -> int:
    """Return what so many tokens cost, in nano-dollars."""
    return input_tokens * IN_NANO + output_tokens * OUT_NANO


def as_text(value: object) -> str:
    """Return how a value reads in a prompt."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def is_refused(run: str, step: str, attempt: int) -> bool:
    """Return whether the model refuses the call of an attempt, by its key."""
    digest = blake2b(f"0\x1ffault\x1f{run}:{step}:{attempt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 < ERROR_RATE


def shown(value: Any) -> Any:
    """Return a value as evidence has it: a long one as its hash."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value if len(text) <= LONGEST else f"sha256:{sha256(text.encode()).hexdigest()}"


def fits(expected: Any, value: Any) -> bool:
    """Return whether a value is the expected one."""
    if expected == ANY_TEXT:
        return isinstance(value, str)
    if isinstance(expected, dict) and isinstance(value, dict):
        return expected.keys() == value.keys() and all(fits(one, value[name]) for name, one in expected.items())
    if isinstance(expected, list) and isinstance(value, list):
        return len(expected) == len(value) and all(map(fits, expected, value))
    return type(expected) is type(value) and bool(expected == value)
