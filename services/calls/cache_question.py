"""What a cached call asks, and which variable of its prompt may be worded otherwise, where the node names one."""

import hashlib

import orjson

from schemas.spec.references import MissingVariable, render
from services.caching.key import Asked, digest_of
from services.caching.semantic import Question
from services.calls.call import Call


def asked_of(call: Call) -> Asked:
    """Return all that a call's answer depends on."""
    content, (provider, model) = call.content, call.route
    name, version = (content.template.name, content.template.version) if content.template else ("", 0)
    return Asked(call.org_id, provider, content.request(model, "", 0), name, version, call.data_class)


def question_of(call: Call) -> Question | None:
    """Return the text of the marked variable, and all that must be equal beside it; ``None`` for calls without one.

    A prompt that a guard has changed has none: its texts before the change are not to be kept.
    """
    content = call.content
    wish = None if content.cache_wish is None else content.cache_wish.semantic
    template, has_tools = content.template, bool(content.tools or content.turns)
    if wish is None or template is None or (has_tools and not wish.tools) or (content.pictures and not wish.images):
        return None
    text = template.args.get(wish.variable)
    if not isinstance(text, str) or not text.strip() or content.prompt != _rendered(template.text, template.args):
        return None
    rest = {name: value for name, value in template.args.items() if name != wish.variable}
    equal = [digest_of(asked_of(call), without_prompt=True), template.text, wish.variable, rest]
    partition = hashlib.sha256(orjson.dumps(equal, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Question(org_id=call.org_id, partition=partition, text=text, threshold=wish.threshold)


def _rendered(template: str, args: dict[str, object]) -> str | None:
    try:
        return render(template, args)
    except MissingVariable:
        return None
