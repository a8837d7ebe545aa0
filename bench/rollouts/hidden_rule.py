"""A task with a hidden rule, for the optimiser: words that get ``yes`` or ``no``, and models that are scripts.

``solve`` is the model that answers: it follows the rule that its prompt states, and guesses by length where it states
none. ``propose`` is the one that rewrites: it states a rule that most of the cases it is shown follow, now and then
another one. So what it is worth depends on what it is shown alone. As a file of tools this module is the provider
``scripted`` with both models.
"""

import hashlib
import json
import random
import re
from collections.abc import Callable, Mapping
from itertools import pairwise

from agentflow import GenerateRequest, GenerateResponse, provider

RULES: Mapping[str, Callable[[str], bool]] = {
    "it has the same letter twice in a row": lambda word: any(a == b for a, b in pairwise(word)),
    "it begins with a vowel": lambda word: word[0] in "aeiou",
    "it ends with a vowel": lambda word: word[-1] in "aeiou",
    "it has more than three vowels": lambda word: sum(letter in "aeiou" for letter in word) > 3,
    "it has an odd number of letters": lambda word: len(word) % 2 == 1,
    "its first letter is before its last in the alphabet": lambda word: word[0] < word[-1],
    "it has an e": lambda word: "e" in word,
    "it has an s or a t": lambda word: "s" in word or "t" in word,
    "its letters are all different": lambda word: len(set(word)) == len(word),
    "its second letter is a vowel": lambda word: word[1] in "aeiou",
}
#: The prompt that is to be improved: it states no rule.
TEMPLATE = "Say yes or no for the word.\nWord: {{word}}"
_STATED = "Say yes if {rule}, else no.\nWord: {{{{word}}}}"
_WORD = re.compile(r"Word: ([a-z]+)\s*\Z")
_CASE = re.compile(r'input: \{"word": "([a-z]+)"\}\nexpected: "(yes|no)"')
_LETTERS = "abcdefghiklmnoprstuy"


def cases(seed: int, count: int) -> list[dict[str, object]]:
    """Return cases of one of the rules, half of them ``yes``; which rule is the seed's secret."""
    rng = random.Random(f"hidden rule {seed}")  # noqa: S311 - a test's data
    holds = RULES[rule_of(seed)]
    wanted = {True: count // 2, False: count - count // 2}
    words: dict[str, bool] = {}
    while any(wanted.values()):
        word = "".join(rng.choice(_LETTERS) for _ in range(rng.randint(8, 13)))
        if word not in words and wanted[holds(word)]:
            words[word] = holds(word)
            wanted[holds(word)] -= 1
    rows = list(words.items())
    rng.shuffle(rows)
    return [
        {"id": f"w{number}", "inputs": {"word": word}, "expected": "yes" if found else "no"}
        for number, (word, found) in enumerate(rows)
    ]


def rule_of(seed: int) -> str:
    """Return the rule of a seed."""
    return sorted(RULES)[int(hashlib.sha256(f"rule {seed}".encode()).hexdigest(), 16) % len(RULES)]


def solve(prompt: str) -> str:
    """Return the answer to a prompt, by the rule that it states."""
    found = _WORD.search(prompt)
    word = found[1] if found else ""
    holds = next((RULES[rule] for rule in RULES if f"if {rule}," in prompt), lambda text: len(text) > 10)
    return "yes" if word and holds(word) else "no"


def propose(question: str) -> str:
    """Return a proposal: a rule that most of the shown cases follow; one time in three any rule."""
    rng = random.Random(question)  # noqa: S311 - a test's data
    shown = [(word, said == "yes") for word, said in _CASE.findall(question)]
    right = {rule: sum(holds(word) == said for word, said in shown) for rule, holds in RULES.items()}
    best = [rule for rule, count in right.items() if count == max(right.values())]
    chosen = rng.choice(sorted(RULES) if rng.random() < 1 / 3 else sorted(best))
    return json.dumps({"template": _STATED.format(rule=chosen), "why": f"most cases say so: {chosen}"})


@provider("scripted", models={"solver": ("1.00", "2.00"), "rewriter": ("10.00", "20.00")}, takes=("output_schema",))
def generate(request: GenerateRequest) -> GenerateResponse:
    """Answer as the model that is asked."""
    text = propose(request.prompt) if request.model == "rewriter" else solve(request.prompt)
    return GenerateResponse(text=text, input_tokens=len(request.prompt) // 4, output_tokens=len(text) // 4 + 1)
