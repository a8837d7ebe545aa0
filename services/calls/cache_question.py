"""What of a call may be worded otherwise: the value of one variable of its prompt, where the node says so."""

import hashlib

import orjson

from schemas.spec.references import MissingVariable, render
from services.caching.key import Asked, digest_of
from services.caching.semantic import Question
from services.calls.call import Call


def question_of(call: Call, asked: Asked) -> Question | None:
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
    equal = [digest_of(asked, without_prompt=True), template.text, wish.variable, rest]
    partition = hashlib.sha256(orjson.dumps(equal, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Question(org_id=call.org_id, partition=partition, text=text, threshold=wish.threshold)


def _rendered(template: str, args: dict[str, object]) -> str | None:
    try:
        return render(template, args)
    except MissingVariable:
        return None
