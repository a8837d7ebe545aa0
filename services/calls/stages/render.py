"""Step 1: the prompt is rendered from its template, after its values were checked."""

from msgspec import structs

from connectors.providers.conversation import Said
from schemas.errors import StepError
from schemas.prompts.rendering import Rendered, rendered
from schemas.prompts.values import value_violations
from schemas.spec.references import MissingVariable
from schemas.templates import TemplateError
from schemas.values.json_schemas import BadSchema
from services.calls.call import Answer, Call, Proceed, Template

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
        _check_values(template)
        said = _said(template)
        content = structs.replace(
            content,
            prompt=said.prompt,
            system=_BREAK.join(filter(None, (content.system, said.system))),
            developer=_BREAK.join(filter(None, (content.developer, said.developer))),
            history=(*content.history, *(Said(role, text) for role, text in said.history)),
        )
        return await proceed(structs.replace(call, content=content))


def _said(template: Template) -> Rendered:
    try:
        return rendered(template.text, template.form, template.args)
    except MissingVariable as exc:
        raise StepError("missing_variable", f"{_named(template)}: {exc}") from exc
    except TemplateError as exc:
        raise StepError("bad_template", f"{_named(template)}: {exc}") from exc


def _check_values(template: Template) -> None:
    values = template.args if template.given is None else template.given
    try:
        found = value_violations(template.text, template.form, values)
    except BadSchema as exc:
        raise StepError("invalid_prompt_input", f"{_named(template)}: its schema cannot be used: {exc}") from exc
    if found:
        raise StepError(
            "invalid_prompt_input",
            f"{_named(template)}: its values break its schema: {'; '.join(found)}; give other inputs",
            details={"violations": "; ".join(found)},
        )


def _named(template: Template) -> str:
    return f"prompt {template.name}@{template.version}"
