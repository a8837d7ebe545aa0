"""What a cached call asks, and which variable of its prompt may be worded otherwise, where the node names one."""

import hashlib
from typing import Any

import orjson
from msgspec import to_builtins

from schemas.prompts.rendering import rendered
from schemas.spec.references import MissingVariable
from schemas.templates import TemplateError
from services.caching.key import Asked, digest_of
from services.caching.semantic import Question
from services.calls.call import Call, Template

#: Stands in for the variable, to see what is around it: a text that no prompt has.
_MARK = "\ue000variable\ue001"


def asked_of(call: Call) -> Asked:
    """Return all that a call's answer depends on."""
    content, (provider, model) = call.content, call.route
    name, version = (content.template.name, content.template.version) if content.template else ("", 0)
    return Asked(call.org_id, provider, content.request(model, "", 0), name, version, call.data_class, _policy(call))


def _policy(call: Call) -> str:
    """Return the policy within which answers are shared, and its guards. What is in shadow mode changes nothing."""
    security, guards = call.security, "" if call.guards is None else call.guards.digest
    return guards if security is None or security.mode == "shadow" else f"{security.policy_hash}{guards}"


def question_of(call: Call) -> Question | None:
    """Return the text of the marked variable, and all that must be equal beside it; ``None`` for calls without one.

    A prompt that a guard has changed has none: its texts before the change are not to be kept. Nor has one in which the
    variable does more than to stand there: where a filter changes it, or a condition reads it. In chat form it is the
    last message's that may differ: every other message is equal, so a variable in one of them makes no two alike.
    """
    content = call.content
    wish = None if content.cache_wish is None else content.cache_wish.semantic
    template, has_tools = content.template, bool(content.tools or content.turns)
    if wish is None or template is None or (has_tools and not wish.tools) or (content.pictures and not wish.images):
        return None
    text = template.args.get(wish.variable)
    if not isinstance(text, str) or not text.strip() or content.prompt != _prompt(template, template.args):
        return None
    around = _prompt(template, template.args | {wish.variable: _MARK})
    if around is None or _MARK not in around or around.replace(_MARK, text) != content.prompt:
        return None
    rest = {name: value for name, value in template.args.items() if name != wish.variable}
    equal: list[object] = [digest_of(asked_of(call), without_prompt=True), template.text, wish.variable, rest]
    if template.form is not None:
        equal.append(to_builtins(template.form))
    partition = hashlib.sha256(orjson.dumps(equal, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Question(org_id=call.org_id, partition=partition, text=text, threshold=wish.threshold)


def _prompt(template: Template, args: dict[str, Any]) -> str | None:
    try:
        return rendered(template.text, template.form, args).prompt
    except (MissingVariable, TemplateError):
        return None
