"""Policies of tests, and the security of steps that they decide on."""

from typing import Any

from schemas.policies.read import read_policy
from schemas.records.base import Json
from schemas.records.definitions import Definition
from schemas.records.security.pinned import ToolSecurity
from schemas.records.steps import StepSecurity

TRUSTED = ["trusted"]
WEB = ["web", "from:page"]
MAIL = ToolSecurity(source=TRUSTED, effects=True, sinks={"to": "recipient", "text": "content"})
READ = ToolSecurity(source=["web"])

#: Nobody from outside chooses a recipient; secrets are not mailed, and a mail to a stranger needs a yes.
DOCUMENT: dict[str, Json] = {
    "name": "guard",
    "rules": [
        {
            "id": "recipients",
            "at": "tool_call",
            "when": "has(args.to) && args.to.integrity >= 2",
            "verdict": "deny",
            "reason": "it is from outside",
        },
        {
            "id": "strangers",
            "at": "tool_call",
            "tools": ["mail.send"],
            "when": "args.to.value == 'stranger'",
            "verdict": "ask",
            "reason": "nobody knows them",
        },
        {
            "id": "cards",
            "at": "tool_call",
            "when": "(has(args.text) && 'card' in args.text.classes) || has(args.card)",
            "verdict": "redact",
            "redact_classes": ["card"],
        },
        {"id": "effects", "at": "tool_call", "when": "true", "verdict": "allow"},
    ],
}
POLICY = "guard@1"
HASH = read_policy(DOCUMENT).hash


def definition(org_id: str, document: dict[str, Json] = DOCUMENT) -> Definition:
    """Return a policy as workers get it."""
    body = read_policy(document).document
    return Definition(kind="policy", org_id=org_id, id="guard", body=body, changed_at_ms=1)


def security(to: list[str] = TRUSTED, **changes: Any) -> StepSecurity:
    """Return the security of a step that mails: ``to`` is the label of its recipient."""
    fields: dict[str, Any] = {
        "policy": POLICY,
        "policy_hash": HASH,
        "args": {"$": TRUSTED, "$.to": to},
        "control": TRUSTED,
        "tool": MAIL,
    }
    return StepSecurity(**(fields | changes))
