"""Packs in a policy: what ``extends`` names is taken in when a document is read, so its meaning never changes later.

The rules of a pack come first, with the pack's name before their ids. Values, tools and demands of the document replace
those of the packs; ``effects``, ``mode`` and ``static`` are the document's alone.
Of rules of privacy the first that fits decides, so there the document's come first (``schemas.privacy.joining``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from schemas.compliance.section import Compliance
from schemas.errors import InvalidInput, Problem
from schemas.policies.document import MAX_RULES, Policy, Rule
from schemas.policies.packs import PACKS
from schemas.privacy.joining import named, with_packs
from schemas.records.base import Json

Shaped = Callable[[str | Mapping[str, Json]], Policy]


def extension_problems(policy: Policy) -> Iterator[Problem]:
    """Yield what is wrong with the packs that a document names."""
    for index, name in enumerate(policy.extends):
        if name not in PACKS:
            yield Problem(f"extends[{index}]", f"there is no pack '{name}'", f"packs are {', '.join(sorted(PACKS))}")
    for index, rule in enumerate(policy.rules):
        if policy.extends and rule.id.partition("/")[0] in PACKS and "/" in rule.id:
            fix = "choose another id, or leave the pack's rule out by `without`"
            yield Problem(f"rules[{index}].id", f"'{rule.id}' is an id of a pack", fix)


def extended(policy: Policy, shaped: Shaped) -> Policy:
    """Return a policy with the parts of its packs; ``shaped`` reads a pack. Raises ``InvalidInput``."""
    if not policy.extends:
        if policy.without:
            raise InvalidInput.of(Problem("without", "there is no pack to leave rules out of", "remove it"))
        return policy
    packs: dict[str, Policy] = {}
    _collect(policy.extends, shaped, packs)
    rules = [_named(name, rule) for name, pack in packs.items() for rule in pack.rules]
    sections = [named(name, pack.privacy) for name, pack in packs.items() if pack.privacy is not None]
    known = [*(rule.id for rule in rules), *(one for section in sections for one in section.ids)]
    if unknown := set(policy.without) - set(known):
        fix = f"rules are {', '.join(known)}"
        raise InvalidInput.of(Problem("without", f"no pack has the rule '{min(unknown)}'", fix))
    rules = [rule for rule in rules if rule.id not in policy.without]
    if len(rules) + len(policy.rules) > MAX_RULES:
        raise InvalidInput.of(Problem("rules", f"with those of packs there are more than {MAX_RULES}", "join some"))
    values: dict[str, Json] = {}
    for pack in packs.values():
        values |= pack.values
    return policy.model_copy(
        update={
            "extends": (),
            "without": (),
            "rules": (*rules, *policy.rules),
            "values": values | policy.values,
            "compliance": _demands([*packs.values(), policy]),
            "endorse": (*(one for pack in packs.values() for one in pack.endorse), *policy.endorse),
            "privacy": with_packs(policy.privacy, sections, frozenset(policy.without)),
        }
    )


def _collect(names: tuple[str, ...], shaped: Shaped, packs: dict[str, Policy]) -> None:
    """Add packs and those that they extend, each once, with those that are extended first."""
    for name in names:
        if name not in packs:
            pack = shaped(PACKS[name])
            _collect(pack.extends, shaped, packs)
            packs[name] = pack


def _demands(policies: Iterable[Policy]) -> Compliance | None:
    """Return the demands of all, each over those before it."""
    found: Compliance | None = None
    for one in policies:
        if one.compliance is not None:
            found = one.compliance if found is None else one.compliance.over(found)
    return found


def _named(pack: str, rule: Rule) -> Rule:
    return rule.model_copy(update={"id": f"{pack}/{rule.id}"})
