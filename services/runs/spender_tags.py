"""Tags of a run that say for whom it spends: its project, its user and the key that submitted it; and its thread.

They travel with the run to each of its calls, as all tags do, and so reach budgets and the ledger. Only the system
writes them: a submission has fields for project and user, and the key is the one it came with.
"""

from collections.abc import Mapping

from schemas.api_models.base import MAX_TAGS
from schemas.api_models.runs import SubmitRun
from schemas.budgets import API_KEY_TAG, PROJECT_TAG, SESSION_TAG, USER_TAG


def with_spender(body: SubmitRun, api_key: str | None) -> dict[str, str]:
    """Return the tags of a submission with those of who spends."""
    named = {PROJECT_TAG: body.project, USER_TAG: body.end_user, SESSION_TAG: body.session, API_KEY_TAG: api_key}
    return {**body.tags, **{tag: name for tag, name in named.items() if name is not None}}


def with_baggage(tags: dict[str, str], baggage: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a submission with those of its sender's baggage, as far as there is room and no such tag."""
    room = max(0, MAX_TAGS - len(tags))
    more = [(tag, value) for tag, value in baggage.items() if tag not in tags][:room]
    return {**tags, **dict(more)} if more else tags


def with_key(tags: Mapping[str, str], api_key: str | None) -> dict[str, str]:
    """Return the tags of a run that starts another one again, which spends for the key that asked for that."""
    others = {tag: value for tag, value in tags.items() if tag != API_KEY_TAG}
    return others if api_key is None else {**others, API_KEY_TAG: api_key}
