"""What enters by a door (inputs of runs, data of signals), as a policy's section ``privacy`` lets it into the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from schemas.errors import PrivacyRefused, StepError, TooLarge, Unavailable
from schemas.labels.mapped import Labels
from schemas.records.base import Json
from schemas.records.security.pinned import Decision, RunSecurity
from schemas.spec.error_codes import PRIVACY_REFUSED
from services.privacy.redact.noted import PrivacyRefusal
from services.privacy.redact.redactor import Of, Redacted, Redactor


@dataclass(frozen=True, slots=True)
class Entered:
    """Inputs as they may be in the log, the run's security with labels of what was found, and what was decided."""

    inputs: dict[str, Any]
    security: RunSecurity
    decisions: Sequence[Decision] = ()


async def entered(
    redactor: Redactor, of: Of, inputs: dict[str, Any], tags: Mapping[str, str], security: RunSecurity
) -> Entered:
    """Return inputs as they may be in the log.

    Raises ``PrivacyRefused`` for what the policy refuses, and for personal data in tags, which stay readable;
    ``TooLarge`` for what is not searched, ``Unavailable`` while the vault is down.
    """
    found = await looked_at(redactor, of, inputs, "inputs")
    tagged = await looked_at(redactor, of, dict(tags), "tags")
    if tagged.value != dict(tags):
        decisions = [*found.decisions, *tagged.decisions]
        kinds = ", ".join(sorted({kind for kind, _ in tagged.kinds}))
        raise PrivacyRefused(f"tags: they hold {kinds}, and tags are not redacted; put it into an input", decisions)
    if found.labels is not None:
        labels = Labels.read(security.inputs).join(found.labels)
        security = replace(security, inputs=labels.recorded)
    return Entered(found.value, security, found.decisions)


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
