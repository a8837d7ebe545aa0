"""Values put back into the arguments of tools that a policy names for them, right before the call.

Policies and people decide on tokens, so neither decisions nor questions have a value. What is put back is known before:
the arguments get the classes of the tokens in them, and the audit log has what is put back before the tool is called.
"""

from dataclasses import dataclass

from msgspec import structs

from schemas.labels.label import TRUSTED, Label
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, Path
from schemas.privacy.kinds import data_class_of
from schemas.privacy.tokens import kind_of
from schemas.records.base import Json
from schemas.records.security.pinned import Decision
from schemas.records.steps import StepRequest, StepSecurity
from services.calls.ledger import Ledger
from services.calls.security.private import Private
from services.privacy.redact.restore import May, restored
from services.privacy.vault.ports import Tokens
from services.privacy.vault.restore import tokens_in


@dataclass(frozen=True, slots=True)
class Restoring:
    """What one call of a tool gets back: by argument, which kinds. ``request`` has their classes in its labels."""

    request: StepRequest
    tokens: Tokens
    arguments: dict[str, May]

    async def values(self, args: dict[str, Json]) -> dict[str, Json]:
        """Return the arguments with values put back. Raises ``StepError`` while the vault is down."""
        found = dict(args)
        for name, may in self.arguments.items():
            if name in args:
                found[name] = (await restored(self.tokens, self.request.org_id, args[name], may)).value
        return found


def restoring(
    private: Private, tokens: Tokens, request: StepRequest, tool: str, args: dict[str, Json], ledger: Ledger
) -> Restoring:
    """Return what a call gets back; what is decided is in the ledger."""
    plan, security = private.redactor.plan, request.security
    rules = plan.restored_arguments(tool)
    arguments: dict[str, May] = {}
    labels: dict[str, Label] = {}
    for name, value in args.items():
        named = [rule for rule in rules if name in rule.arguments]
        may = May([(rule.kinds, rule.classes) for rule in named])
        kinds = [kind_of(one) for one in may.of(sorted(tokens_in(value)))] if named else []
        if not kinds:
            continue
        arguments[name] = may
        labels[name] = Label(classes=frozenset(map(data_class_of, kinds)))
        reason = f"{name} gets {len(kinds)} values back: {', '.join(sorted({one or 'own' for one in kinds}))}"
        decision = Decision(
            point="tool_call", rule=f"privacy:{named[0].id}", verdict="allow", subject=tool, reason=reason
        )
        ledger.decided([decision], private.clock.now_ms(), 0.0)
    if labels and security is not None:
        request = structs.replace(request, security=_raised(security, labels))
    return Restoring(request, tokens, arguments)


def _raised(security: StepSecurity, labels: dict[str, Label]) -> StepSecurity:
    places: dict[Path, Label] = {ROOT: TRUSTED}
    places.update(((name,), label) for name, label in labels.items())
    joined = Labels.read(security.args).join(Labels(places))
    return structs.replace(security, args=joined.recorded)
