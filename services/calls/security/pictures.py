"""Pictures in a call of a model, by a policy's ``privacy.images``. No detector searches them, so they stay or go whole.

A picture is what a node names as one, and a ``data:`` URL of a picture in any text: the prompt, a message, the result
of a tool.
"""

import re
from typing import Any, Final

from msgspec import structs

from schemas.records.base import Json
from services.calls.call import Call, Content
from services.calls.security.private import Private
from services.privacy.redact.errors import refused
from services.privacy.redact.noted import Noted, refusal

#: The rule of decisions about pictures, and what stands in a text in place of one.
RULE: Final = "images"
REMOVED: Final = "[picture removed]"
#: As of RFC 2397, with what people write in it: spaces, line breaks, percent-encoded signs.
_DATA_URL: Final = re.compile(
    r"data:\s*image/[\w.+-]{1,64}(?:\s*;\s*[\w-]{1,32}(?:=[^;,\s]{0,64})?){0,8}\s*,[A-Za-z0-9+/=_%-]*(?:\s+[A-Za-z0-9+/=_%-]{32,})*",
    re.IGNORECASE,
)


def allowed_pictures(private: Private, call: Call, content: Content, said: dict[str, Json]) -> tuple[Content, Any]:
    """Return a call's content and its texts without pictures that the policy does not let a provider see.

    What was decided is in the call's ledger. Raises a ``StepError`` ``privacy_refused`` where they are denied.
    """
    plan = private.redactor.plan
    images = plan.images
    if images is None:
        return content, said
    texts, in_texts = _without(said)
    count = len(content.pictures) + in_texts
    if not count:
        return content, said
    enforced, is_denied = plan.is_enforced(images), images.action == "deny"
    noted = Noted("model_call", "/".join(call.route).strip("/"))
    noted.decide(RULE, "deny" if is_denied else "redact", f"found {count} pictures", enforced=enforced)
    call.ledger.decided(noted.decisions, private.clock.now_ms(), 0.0)
    if not enforced:
        return content, said
    if is_denied:
        raise refusal(refused("it shows pictures, which the policy does not let a provider see", RULE), [])
    return structs.replace(content, pictures=()), texts


def _without(value: Any) -> tuple[Any, int]:
    """Return a JSON value without pictures in its texts, and how many there were."""
    if isinstance(value, str):
        # Nearly no text has one, and this is a hundred times faster than the pattern.
        return _DATA_URL.subn(REMOVED, value) if "image/" in value.lower() else (value, 0)
    if isinstance(value, dict):
        pairs = {key: _without(one) for key, one in value.items()}
        return {key: one for key, (one, _) in pairs.items()}, sum(count for _, count in pairs.values())
    if isinstance(value, list):
        items = [_without(one) for one in value]
        return [one for one, _ in items], sum(count for _, count in items)
    return value, 0
