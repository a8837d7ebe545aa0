"""Step 1: the prompt is rendered from its template, after its values were checked."""

from msgspec import structs

from connectors.providers.conversation import Said
from schemas.prompts.rendering import rendered_for
from services.calls.call import Answer, Call, Proceed

_BREAK = "\n\n"


class Render:
    """Renders the template of calls that have one: a text, or the messages of a chat.

    A message of the system comes after the node's own system text. Raises a final ``StepError``:
    ``invalid_prompt_input`` for values that the prompt's input schema refuses, ``missing_variable``, and
    ``bad_template`` for a text that cannot be rendered with these values.
    """

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        template, content = call.content.template, call.content
        if template is None:
            return await proceed(call)
        named = f"{template.name}@{template.version}"
        said = rendered_for(named, template.text, template.form, template.args, template.given)
        content = structs.replace(
            content,
            prompt=said.prompt,
            system=_BREAK.join(filter(None, (content.system, said.system))),
            developer=_BREAK.join(filter(None, (content.developer, said.developer))),
            history=(*content.history, *(Said(role, text) for role, text in said.history)),
        )
        return await proceed(structs.replace(call, content=content))
