"""Step 1: the prompt is rendered from its template."""

from msgspec import structs

from schemas.errors import StepError
from schemas.spec.references import MissingVariable, render
from services.calls.call import Answer, Call, Proceed, Template


class Render:
    """Renders the template of calls that have one. A variable without a value is a final ``missing_variable``."""

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        template = call.content.template
        if template is None:
            return await proceed(call)
        content = structs.replace(call.content, prompt=_prompt(template))
        return await proceed(structs.replace(call, content=content))


def _prompt(template: Template) -> str:
    try:
        return render(template.text, template.args)
    except MissingVariable as exc:
        raise StepError("missing_variable", f"prompt {template.name}@{template.version}: {exc}") from exc
