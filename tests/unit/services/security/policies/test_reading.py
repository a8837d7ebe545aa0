"""Who may see recorded data, by the rules of the active policy."""

from typing import Any

import pytest

from schemas.errors import Unavailable
from schemas.labels.label import UNLABELLED, Integrity, Label
from schemas.labels.mapped import Labels
from schemas.policies.facts import Reader
from schemas.policies.read import read_policy
from schemas.records.security.pinned import Mode
from services.security.policies.active import Active
from services.security.policies.reading import Reading, Readings, Subject, labels_of

RUN = Subject("r1", "answering", 1, {"team": "x"})
LIMITED = {
    "id": "readers",
    "at": "read",
    "when": "output.limited && !(reader.id in output.readers)",
    "verdict": "deny",
    "reason": "it is for others",
}
HIDDEN = {"id": "pii", "at": "read", "when": "'pii' in output.classes", "verdict": "redact", "redact_classes": ["pii"]}
READER = Reader(id="ann", permissions=["read"])


class Activated:
    def __init__(self, *rules: dict[str, Any], mode: Mode = "enforce") -> None:
        policy = read_policy({"name": "support", "rules": list(rules)})
        self.found: Active | None = Active(policy, 2, mode, policy.hash)
        self.down = False

    async def of(self, org_id: str) -> Active | None:
        if self.down:
            raise Unavailable("postgres", "no answer")
        return self.found


async def reading(*rules: dict[str, Any], mode: Mode = "enforce", reader: Reader = READER) -> Reading:
    found = await Readings(Activated(*rules, mode=mode)).of("acme", reader)
    assert found is not None
    return found


def labels(**places: list[str]) -> Labels:
    return Labels.read({"$": ["trusted"]} | {f"$.{name}": words for name, words in places.items()})


async def test_nothing_is_asked_without_a_policy_or_without_rules_for_readers() -> None:
    active = Activated({"id": "o", "at": "output", "verdict": "deny"})
    assert await Readings(active).of("acme", READER) is None
    active.found = None
    assert await Readings(active).of("acme", READER) is None


async def test_nobody_reads_while_nobody_knows_the_policy() -> None:
    active = Activated(LIMITED)
    active.down = True
    with pytest.raises(Unavailable):
        await Readings(active).of("acme", READER)


async def test_a_value_for_others_is_withheld_with_the_rule_that_says_so() -> None:
    found = await reading(LIMITED)
    mine = Labels.of_whole(Label(readers=frozenset({"ann"})))
    others = Labels.of_whole(Label(readers=frozenset({"bob"})))
    assert found.value(RUN, {"a": 1}, mine, "run", "output.x") == {"a": 1}
    assert found.value(RUN, {"a": 1}, Labels.of_whole(Label()), "run", "output.x") == {"a": 1}
    assert not found.decisions
    seen = found.value(RUN, {"a": 1}, others, "run", "output.x")
    assert seen == {"withheld": "rule 'readers': it is for others"}
    assert [(one.rule, one.verdict, one.subject) for one in found.decisions] == [("readers", "deny", "output.x")]


async def test_parts_of_a_value_are_redacted_by_their_labels() -> None:
    found = await reading(HIDDEN)
    value = {"mail": "a@b.c", "text": "hello"}
    seen = found.value(RUN, value, labels(mail=["user", "class:pii"]), "run", "inputs")
    assert seen == {"mail": "[redacted]", "text": "hello"}
    assert value["mail"] == "a@b.c"


async def test_recorded_payloads_are_decided_by_the_labels_that_they_carry() -> None:
    found = await reading(LIMITED, HIDDEN)
    pii = {"$": ["trusted"], "$.mail": ["user", "class:pii"]}
    inline = {"kind": "inline", "value": {"mail": "m", "n": 1}, "labels": pii}
    assert found.payload(RUN, inline, "step", "a")["value"] == {"mail": "[redacted]", "n": 1}
    stored = {"kind": "reference", "sha256": "0", "labels": pii}
    # The bytes of a reference cannot be shown in part.
    assert found.payload(RUN, stored, "step", "a") == {"kind": "inline", "value": {"withheld": "rule 'pii'"}}
    plain = {"kind": "inline", "value": 1, "labels": {"$": ["user"]}}
    assert found.payload(RUN, plain, "step", "a") == plain


async def test_what_has_no_label_is_trusted_least_and_what_cannot_be_read_is_for_nobody() -> None:
    web = {"id": "web", "at": "read", "when": "output.integrity >= WEB", "verdict": "deny"}
    assert (await reading(web)).payload(RUN, {"kind": "inline", "value": 1}, "step", "a")["value"] != 1
    assert labels_of(None) == labels_of({}) == Labels.of_whole(UNLABELLED)
    unknown = {"$": ["from-the-future"]}
    found = await reading(LIMITED)
    seen = found.payload(RUN, {"kind": "inline", "value": 1, "labels": unknown}, "step", "a")
    assert seen["value"] == {"withheld": "rule 'readers': it is for others"}


async def test_a_rule_that_cannot_be_decided_denies() -> None:
    broken = {"id": "tag", "at": "read", "when": "tags.missing == 'x'", "verdict": "redact", "redact": ["$"]}
    found = await reading(broken)
    assert "withheld" in str(found.value(RUN, 1, Labels.of_whole(Label()), "run", "output"))


async def test_shadow_mode_records_and_shows() -> None:
    found = await reading(LIMITED, mode="shadow")
    others = Labels.of_whole(Label(readers=frozenset()))
    assert found.value(RUN, 1, others, "run", "output") == 1
    assert [one.enforced for one in found.decisions] == [False]


async def test_rules_know_the_reader() -> None:
    rule = {"id": "project", "at": "read", "when": "reader.project != 'red'", "verdict": "deny"}
    label = Labels.of_whole(Label(Integrity.USER))
    red = Reader(id="k", project="red")
    assert (await reading(rule, reader=red)).value(RUN, 1, label, "run", "output") == 1
    assert (await reading(rule)).value(RUN, 1, label, "run", "output") != 1
