"""Submissions of runs with a data subject: what is refused, what is sealed, and what the door decides.

The caller's id becomes a pseudonym at once and goes nowhere else. Everything that travels in clear (tags, the
submission's id, the names of project, end user and session) must not hold the person's id, nor look personal.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import structs

from connectors.objects.store import Objects
from schemas.errors import InvalidInput, Problem
from schemas.payload import Reference
from schemas.privacy.sealed import condition_key
from schemas.privacy.sealed_questions import questions_of
from schemas.privacy.sealed_workflows import refused_of
from schemas.privacy.wants import Sealing, Want
from schemas.records.run_events import RunSubmitted
from schemas.spec.conditions import Condition
from schemas.spec.model import ResolvedSpec
from schemas.spec.rules_version import OUTCOMES as RULES_OF_OUTCOMES
from services.privacy.subjects.ports import SubjectKeys
from services.privacy.subjects.pseudonym import pseudonym_of

LooksPersonal = Callable[[str], str | None]
"""Returns the kind of personal data that a text looks like, ``None`` for none."""

#: Objects of one submission that are written at once.
AT_ONCE = 8


def nothing_personal(_text: str) -> str | None:
    """Find nothing: for doors without detectors."""
    return None


class SubjectRuns:
    """Prepares submissions of runs with a data subject. Every method that waits raises ``Unavailable``."""

    def __init__(self, objects: Objects, keys: SubjectKeys, looks_personal: LooksPersonal = nothing_personal) -> None:
        self._objects = objects
        self._keys = keys
        self._looks_personal = looks_personal

    async def admit(self, org_id: str, subject_id: str, resolved: ResolvedSpec, clear: Mapping[str, str]) -> str:
        """Return the pseudonym of a submission's subject. ``clear`` are the texts that travel in clear, by their path.

        Raises ``SubjectErased``, and ``InvalidInput`` for a workflow that such a run cannot use and for personal data
        in texts that are not sealed.
        """
        self._check(subject_id.strip(), resolved, clear)
        subject = await pseudonym_of(self._keys, org_id, subject_id)
        # An erased one is refused here, before anything is written.
        await self._keys.subject_key(org_id, subject)
        return subject

    async def admit_known(self, org_id: str, subject: str, resolved: ResolvedSpec, clear: Mapping[str, str]) -> str:
        """Return a pseudonym whose person may have a run, as ``admit`` does where the id is no longer known."""
        self._check("", resolved, clear)
        await self._keys.subject_key(org_id, subject)
        return subject

    async def keyed_hash(self, org_id: str, subject: str, sha256: str) -> str:
        """Return a hash of plain values under the subject's key: a plain one could be found by trying values."""
        return (await self._keys.subject_key(org_id, subject)).name("body", sha256).hex()

    async def sealed(self, record: RunSubmitted) -> RunSubmitted:
        """Return a submission, whose inputs are in clear, with all sealed, and what its rules ask of them decided."""
        plain = record.inputs
        asked = questions_of(record.spec.spec)
        wants: dict[str, list[Want]] = {}
        for name, path in asked.lengths:
            if path:
                wants.setdefault(name, []).append(Want(path=list(path)))
        references = await self._seal(record, plain, wants)
        return structs.replace(
            record,
            inputs=dict.fromkeys(plain),
            stored_inputs=_with_answers(asked.conditions, plain, references),
            rules_version=max(record.rules_version, RULES_OF_OUTCOMES),
        )

    async def opened(self, org_id: str, stored: Mapping[str, Reference]) -> dict[str, Any]:
        """Return sealed inputs in clear, as of a run that is done again. Raises ``SubjectErased``."""
        return {name: await self._objects.resolve(org_id, reference) for name, reference in stored.items()}

    async def _seal(
        self, record: RunSubmitted, plain: Mapping[str, Any], wants: Mapping[str, list[Want]]
    ) -> dict[str, Reference]:
        places = asyncio.Semaphore(AT_ONCE)

        async def seal(name: str, value: Any) -> Reference:
            async with places:
                sealing = Sealing(record.subject, wants.get(name, ()))
                found = await self._objects.to_payload(record.org_id, value, sealing=sealing)
            if not isinstance(found, Reference):
                raise TypeError("an input of a data subject was not sealed")
            return found

        references = await asyncio.gather(*(seal(name, value) for name, value in plain.items()))
        return dict(zip(plain, references, strict=True))

    def _check(self, subject_id: str, resolved: ResolvedSpec, clear: Mapping[str, str]) -> None:
        problems = [Problem("subject", why) for why in refused_of(resolved)]
        if problems:
            raise InvalidInput.of(*problems, shown=5)
        check_clear(self._looks_personal, subject_id, clear)


def check_clear(looks_personal: LooksPersonal, subject_id: str, clear: Mapping[str, str]) -> None:
    """Raise ``InvalidInput`` for texts, by their path, that travel in clear and have a person's id or look personal."""
    problems = []
    for path, text in clear.items():
        kind = looks_personal(text)
        if subject_id and subject_id.casefold() in text.casefold():
            problems.append(Problem(path, "has the subject's id in it", "use a name that says nothing of a person"))
        elif kind is not None:
            fix = "give it as an input, which is sealed, or use a name that says nothing of a person"
            problems.append(Problem(path, f"looks like personal data ({kind}), and it is not sealed", fix))
    if problems:
        raise InvalidInput.of(*problems)


def _with_answers(
    conditions: Iterable[Condition], plain: Mapping[str, Any], references: dict[str, Reference]
) -> dict[str, Reference]:
    """Return the references of inputs with the answers of conditions over them, each beside the first that it reads."""
    found = dict(references)
    for condition in conditions:
        names = sorted(plain if condition.inputs is None else condition.inputs & plain.keys())
        if not names:
            # It reads inputs that were not given: the rules decide it by themselves.
            continue
        key = condition_key(condition.text, [(name, references[name].sha256) for name in names])
        answer = condition.evaluate({name: plain[name] for name in names}, {})
        first = found[names[0]]
        found[names[0]] = structs.replace(first, decided={**first.decided, key: answer.holds})
    return found
