"""The detectors of a policy's section ``privacy``, and redactors over them and a vault."""

from collections.abc import Collection, Sequence

from schemas.errors import StepError
from schemas.privacy.document import Privacy
from schemas.spec.error_codes import PRIVACY_FAILED
from services.privacy.detect.custom import rule_of
from services.privacy.detect.engine import Detectors
from services.privacy.detect.engines import engine_named
from services.privacy.detect.standard import standard_detectors
from services.privacy.detect.values import Limits
from services.privacy.redact.ports import Watch
from services.privacy.redact.redactors import Redactors
from services.privacy.vault.data_key import DataKey
from services.privacy.vault.opening import OpenVault


def detectors_of(section: Privacy) -> Detectors:
    """Return the standard rules with those of the section, and its engines.

    Raises ``ValueError`` for a rule that is wrong, and ``DetectorFailed`` for an engine that is not installed here.
    """
    limits = Limits(characters=section.limits.text_chars, depth=section.limits.depth)
    own = [rule_of(one) for one in section.rules_of_ours]
    engines = [engine_named(name) for name in section.detect.engines]
    return Detectors(own, limits, engines=engines, beside=standard_detectors())


def redactors_of(vault: OpenVault | None, watch: Watch | None = None) -> Redactors:
    """Return redactors over a process' vault. Without one, what needs no key can be done."""
    if vault is None:
        return Redactors(detectors_of, NoVault(), NoVault(), watch)
    return Redactors(detectors_of, vault.tokens, vault.keys, watch)


class NoVault:
    """Stands in where no vault is set up: there are no tokens, and what needs a key fails for good."""

    async def tokens_for(
        self, org_id: str, subject: str | None, values: Sequence[tuple[str, str]], *, run: str = ""
    ) -> list[str]:
        """Raise a final ``StepError``."""
        raise _missing()

    async def values_of(
        self, org_id: str, tokens: Collection[str], *, subject: str | None = None
    ) -> dict[str, str | None]:
        """Return that no token is known."""
        return dict.fromkeys(tokens)

    async def org_key(self, org_id: str) -> DataKey:
        """Raise a final ``StepError``."""
        raise _missing()


def _missing() -> StepError:
    return StepError(PRIVACY_FAILED, "the policy wants tokens or keyed hashes, and no vault is set up; set VAULT_KEY")
