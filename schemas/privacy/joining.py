"""Sections ``privacy`` of packs in that of a document: its own rules first, since the first that fits decides."""

from collections.abc import Sequence
from typing import Any, TypeVar

from schemas.privacy.custom import CustomRule
from schemas.privacy.document import InfluenceRule, Privacy, RedactRule, Restore, RestoreReaders, RestoreTools, Rule

_R = TypeVar("_R", Rule, CustomRule, RedactRule, InfluenceRule, RestoreTools, RestoreReaders)


def named(pack: str, section: Privacy) -> Privacy:
    """Return a pack's section with the pack's name before the ids of its rules."""

    def ids(rules: Sequence[_R]) -> tuple[_R, ...]:
        copied = []
        for rule in rules:
            name = {"id": f"{pack}/{rule.id}"}
            copied.append(rule.model_copy(update=name))
        return tuple(copied)

    restore = Restore.model_construct(tools=ids(section.restore.tools), readers=ids(section.restore.readers))
    return section.model_copy(
        update={
            "rules_of_ours": ids(section.rules_of_ours),
            "redact": ids(section.redact),
            "influence": ids(section.influence),
            "restore": restore,
        }
    )


def with_packs(own: Privacy | None, packs: Sequence[Privacy], without: frozenset[str]) -> Privacy | None:
    """Return the sections as one; ``None`` if there is none. ``without`` are ids of rules to leave out.

    What is no list of rules (``mode``, ``detect``, ``links``, ``images``, ``limits``) is the document's, where it
    says it, else that of the last pack that says it.
    """
    if not packs:
        return own
    sections = [*packs] if own is None else [*packs, own]
    first = [*([] if own is None else [own]), *packs]
    said: dict[str, Any] = {}
    for section in sections:
        said |= {name: getattr(section, name) for name in _SINGLE if name in section.model_fields_set}
    found = Privacy.model_construct(
        **said,
        rules_of_ours=tuple(one for each in first for one in each.rules_of_ours if one.id not in without),
        redact=tuple(one for each in first for one in each.redact if one.id not in without),
        influence=tuple(one for each in first for one in each.influence if one.id not in without),
        restore=Restore(
            tools=tuple(one for each in first for one in each.restore.tools if one.id not in without),
            readers=tuple(one for each in first for one in each.restore.readers if one.id not in without),
        ),
    )
    return Privacy.model_validate(found.model_dump(mode="json", exclude_defaults=True))


_SINGLE = ("mode", "detect", "links", "images", "limits")
