"""Step 1: the prompt is rendered from its template, after its values were checked."""

from msgspec import structs

from connectors.providers.conversation import Said
from schemas.labels.label import label_of
from schemas.labels.mapped import Labels
from schemas.prompts.rendering import rendered_for
from schemas.records.base import Json
from schemas.records.steps import StepSecurity
from services.calls.call import Answer, Call, Content, Proceed, Template
from services.calls.security.marks import RULE, has_untrusted, is_marked, marked_args, nonce_of

_BREAK = "\n\n"


class Render:
    """Renders the template of calls that have one: a text, or the messages of a chat.

    A message of the system comes after the node's own system text. In a call with security, texts from outside
    stand between marks (``services.calls.security.marks``). Raises a final ``StepError``: ``invalid_prompt_input``
    for values that the prompt's input schema refuses, ``missing_variable``, and ``bad_template`` for a text that
    cannot be rendered with these values.
    """

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        call.ledger.rendered = True
        if call.content.template is None:
            return await proceed(call)
        content = with_prompt(call.content, call.security)
        before = None if call.security is None else call.content
        return await proceed(structs.replace(call, content=content, unrendered=before))


def with_prompt(content: Content, security: StepSecurity | None = None) -> Content:
    """Return content with the prompt of its template. Raises ``StepError``, and for unreadable labels ``BadRecord``."""
    template = content.template
    if template is None:
        return content
    args, rule = _marked(template, security, has_turns=bool(content.turns))
    said = rendered_for(f"{template.name}@{template.version}", template.text, template.form, args, template.given)
    return structs.replace(
        content,
        prompt=said.prompt,
        system=_BREAK.join(filter(None, (content.system, said.system, rule))),
        developer=_BREAK.join(filter(None, (content.developer, said.developer))),
        history=(*content.history, *(Said(role, text) for role, text in said.history)),
    )


def _marked(template: Template, security: StepSecurity | None, *, has_turns: bool) -> tuple[dict[str, Json], str]:
    """Return the values to render with, and what the model is told of marks in them, or in what an agent has read."""
    if security is None or security.mode == "shadow":
        return template.args, ""
    labels = Labels.read(security.args)
    if not has_untrusted(labels):
        return template.args, RULE if has_turns and is_marked(label_of(security.context)) else ""
    nonce = nonce_of(security.policy_hash, template.args)
    # Where other values stand in their place, such as names of pictures, there is no text from outside.
    given = template.args if template.given is None else template.given
    others = frozenset(name for name, value in template.args.items() if given.get(name) is not value)
    args = marked_args(template.args, labels, nonce, but=others)
    return args, RULE if has_turns or args != template.args else ""
