"""What enters by a door (inputs of runs, data of signals), as a policy's section ``privacy`` lets it into the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from schemas.budgets import API_KEY_TAG
from schemas.errors import PrivacyRefused, StepError, TooLarge, Unavailable
from schemas.labels.mapped import Labels
from schemas.records.base import Json
from schemas.records.security.pinned import Decision, RunSecurity
from schemas.spec.error_codes import PRIVACY_REFUSED
from services.privacy.redact.noted import PrivacyRefusal
from services.privacy.redact.redactor import Of, Redacted, Redactor


@dataclass(frozen=True, slots=True)
class Entry:
    """What enters for a run: its inputs, and its tags, which travel in clear. ``body_hash`` is that of the request."""

    of: Of
    workflow: str
    inputs: dict[str, Any]
    tags: Mapping[str, str]
    body_hash: str


@dataclass(frozen=True, slots=True)
class Entered:
    """Inputs as they may be in the log, the run's security with labels of what was found, and what was decided.

    ``body_hash`` is keyed where something may be taken out: a plain one would confirm a guess at what that was.
    """

    inputs: dict[str, Any]
    security: RunSecurity
    body_hash: str
    decisions: Sequence[Decision] = ()


async def entered(redactor: Redactor, entry: Entry, security: RunSecurity) -> Entered:
    """Return inputs as they may be in the log.

    Raises ``PrivacyRefused`` for what the policy refuses, and for personal data in tags, which stay readable;
    ``TooLarge`` for what is not searched, ``Unavailable`` while the vault is down.
    """
    found = await looked_at(redactor, entry.of, entry.inputs, "inputs")
    # The id of a key is ours, and its tag's name makes any text look like a secret.
    tags = {name: text for name, text in entry.tags.items() if name != API_KEY_TAG}
    tagged = await looked_at(redactor, entry.of, tags, "tags")
    if tagged.value != tags:
        decisions = [*found.decisions, *tagged.decisions]
        kinds = ", ".join(sorted({kind for kind, _ in tagged.kinds}))
        raise PrivacyRefused(f"tags: they hold {kinds}, and tags are not redacted; put it into an input", decisions)
    if found.labels is not None:
        labels = Labels.read(security.inputs).join(found.labels)
        security = replace(security, inputs=labels.recorded)
    try:
        body_hash = await redactor.keyed_hash(entry.of.org_id, entry.body_hash, "log")
    except StepError as exc:
        raise _for_senders(exc, "inputs") from exc
    return Entered(found.value, security, body_hash, found.decisions)


async def looked_at(redactor: Redactor, of: Of, value: Json, name: str) -> Redacted:
    """Return a value that enters, as it may be in the log. Raises as ``entered`` does."""
    try:
        return await redactor.apply(of, value, "log", point="output", subject=name, influenced="input")
    except PrivacyRefusal as exc:
        raise PrivacyRefused(f"{name}: {exc}", exc.decisions) from exc
    except StepError as exc:
        raise _for_senders(exc, name) from exc


def _for_senders(exc: StepError, name: str) -> Exception:
    if exc.retryable:
        return Unavailable("vault", f"{name} cannot be redacted now, so nothing was accepted: {exc}")
    if exc.details.get("reason") in ("too_large", "too_deep"):
        return TooLarge(f"{name}: {exc}")
    prefix = "" if exc.code == PRIVACY_REFUSED else "they cannot be looked at: "
    return PrivacyRefused(f"{name}: {prefix}{exc}", ())
