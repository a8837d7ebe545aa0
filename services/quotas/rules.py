"""Which limits apply to a call: the platform's, the organisation's, and what is learned of a provider's key."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.errors import BadRecord
from schemas.limits.quotas import Ask, Limit, OrganisationQuotas, QuotaLimits, Scope
from schemas.records.definitions import Definition
from schemas.values.fields import file_faults, first_fault

#: What providers say of their limits in headers.
LEARNED = tuple(Limit(unit, "minute") for unit in ("requests", "tokens", "input_tokens", "output_tokens"))


class PlatformLimits(QuotaLimits):
    """Limits of the platform's file. ``per`` says whose they are.

    ``all`` shares them among all calls, ``organisation`` gives them to each organisation, ``key`` to each of the
    provider's keys.
    """

    per: Literal["all", "organisation", "key"] = "all"


class QuotasFile(BaseModel):
    """The file that ``QUOTAS_FILE`` names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: tuple[PlatformLimits, ...] = ()

    @classmethod
    def load(cls, file: str) -> "QuotasFile":
        """Read a YAML file; no name is no limits. Raises ``ValueError`` that names the place of a mistake."""
        if not file:
            return cls()
        with file_faults(f"the quotas file {file}", "QUOTAS_FILE"):
            text = Path(file).read_text("utf-8")
            try:
                return cls.model_validate(yaml.safe_load(text) or {})
            except yaml.YAMLError as exc:
                raise ValueError(
                    f"the quotas file {file} is not YAML: {' '.join(str(exc).split())}; see QUOTAS_FILE"
                ) from exc


class QuotaRules:
    """The limits of all organisations. ``learns`` says whether providers' own limits are found out."""

    def __init__(self, file: QuotasFile, *, learns: bool = True) -> None:
        self._file = file
        self._learns = learns
        self._newest: dict[str, Definition] = {}
        self._own: dict[str, tuple[QuotaLimits, ...]] = {}

    def apply(self, definition: Definition) -> None:
        """Apply one record; other kinds are ignored. Raises ``BadRecord`` for a body that is no quotas."""
        if definition.kind != "quotas":
            return
        known = self._newest.get(definition.org_id)
        if known is not None and known.version > definition.version:
            return
        try:
            quotas = OrganisationQuotas.model_validate(definition.body)
        except ValidationError as exc:
            raise BadRecord("quotas", f"{definition.key} has no quotas: {first_fault(exc)}") from exc
        self._newest[definition.org_id] = definition
        self._own[definition.org_id] = quotas.limits

    def scopes(self, ask: Ask) -> tuple[Scope, ...]:
        """Return what limits a call, each scope once. Nothing limits most calls of a platform without quotas."""
        found: dict[str, Scope] = {}
        for limits in self._own.get(ask.org_id, ()):
            if limits.applies(ask.provider, ask.model):
                _add(found, f"own:{ask.org_id}:{_what(limits)}", f"{_what(limits)} of {ask.org_id}", limits.limits)
        for platform in self._file.limits:
            if platform.applies(ask.provider, ask.model):
                _add(found, *_whose(platform, ask), platform.limits)
        if self._learns and ask.credential:
            where = f"{ask.provider}/{ask.model}"
            _add(found, f"key:{ask.credential}:{where}", f"{where} by key {ask.credential}", LEARNED)
        return tuple(found.values())


def _whose(limits: PlatformLimits, ask: Ask) -> tuple[str, str]:
    what = _what(limits)
    if limits.per == "organisation":
        return f"org:{ask.org_id}:{what}", f"{what} for each organisation"
    if limits.per == "key":
        return f"key:{ask.credential}:{what}", f"{what} by key {ask.credential or 'none'}"
    return f"all:{what}", what


def _what(limits: QuotaLimits) -> str:
    return "/".join(name for name in (limits.provider, limits.model) if name is not None) or "all calls"


def _add(found: dict[str, Scope], key: str, name: str, limits: Iterable[Limit]) -> None:
    """Add limits to their scope; of two for the same unit and window the lower one holds."""
    before = found.get(key)
    merged = {(limit.unit, limit.window): limit for limit in (before.limits if before is not None else ())}
    for limit in limits:
        known = merged.get((limit.unit, limit.window))
        if known is None or known.most == 0 or 0 < limit.most < known.most:
            merged[limit.unit, limit.window] = limit
    found[key] = Scope(key, name, tuple(merged.values()))
