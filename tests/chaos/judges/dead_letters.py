"""Only what cannot be used is set aside, and all of it is."""

from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation


def judge(evidence: Evidence) -> list[Violation]:
    """Judge every dead letter, and every record that must have become one."""
    found: list[Violation] = []
    for letter in evidence.dead_letters:
        wanted = evidence.bad.get(letter.key)
        if wanted is None:
            text = f"nothing was wrong with it: {letter.reason}: {letter.message}"
            found.append(Violation("only bad records are set aside", f"{letter.topic} {letter.key}", text))
        elif letter.reason != wanted:
            text = f"set aside as {letter.reason}, wrong was {wanted}"
            found.append(Violation("bad records are set aside", f"{letter.topic} {letter.key}", text))
    there = {letter.key for letter in evidence.dead_letters}
    for id_, reason in evidence.bad.items():
        if id_ not in there:
            found.append(Violation("bad records are set aside", id_, f"no dead letter says {reason}"))
    return found
