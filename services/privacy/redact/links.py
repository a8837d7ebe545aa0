"""Links to hosts that a policy does not name, taken out of texts, or refused."""

from typing import Any

from schemas.errors import TooLarge
from schemas.privacy.document import Influenced
from schemas.privacy.plan import Plan
from services.privacy.redact.errors import failed, refused
from services.privacy.redact.noted import Noted, refusal
from services.privacy.sanitise.links import without_links

#: The rule of decisions about links.
RULE = "links"


def allowed_links(plan: Plan, value: Any, influenced: Influenced | None, noted: Noted) -> Any:
    """Return a value without links that its plan does not allow there.

    Raises a ``StepError``: ``privacy_refused`` where they are denied, ``privacy_failed`` where nobody could look.
    """
    links = plan.links
    if links is None or influenced not in links.at:
        return value
    try:
        found = _without(value, links.hosts)
    except (TooLarge, ValueError, RecursionError) as exc:
        raise failed("the search for links", exc) from None
    if found is value:
        return value
    enforced, is_denied = plan.is_enforced(links), links.others == "deny"
    noted.decide(RULE, "deny" if is_denied else "redact", "found links to other hosts", enforced=enforced)
    if not enforced:
        return value
    if is_denied:
        raise refusal(refused("it has links to hosts that the policy does not name", RULE), noted.decisions)
    return found


def _without(value: Any, hosts: tuple[str, ...]) -> Any:
    """Return a value without such links; the value itself where it has none."""
    if isinstance(value, str):
        found = without_links(value, hosts)
        return value if found == value else found
    if isinstance(value, dict):
        changed = {key: _without(one, hosts) for key, one in value.items()}
        return value if all(changed[key] is one for key, one in value.items()) else changed
    if isinstance(value, list):
        items = [_without(one, hosts) for one in value]
        return value if all(new is one for new, one in zip(items, value, strict=True)) else items
    return value
