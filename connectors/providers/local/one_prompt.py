"""A conversation as one prompt, since the ``local`` models read nothing else; a schema becomes the shape to answer in.

The texts of the system, of a developer and of earlier messages come first, in this order. ``local-echo``, the test
model, takes any schema and follows none, so that tests see an answer that breaks one.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors.providers.base import ModelRequest
from connectors.providers.local.json_answers import shape_of
from connectors.providers.local.model import ECHO
from connectors.providers.wire import unsupported

#: Fields that the extractive models have no use for.
_NOT_FOR_EXTRACTS = ("tool_choice", "stop", "seed", "reasoning_effort", "top_p", "parallel_tools")


def one_prompt(request: ModelRequest) -> ModelRequest:
    """Return a request that is one prompt. Raises ``unsupported_parameter`` for a field of no use."""
    plain = ModelRequest(request.model, "", 1, "")
    if request.options.get("local"):
        raise unsupported("local", "provider_options", "the local models have none; remove them from the policy")
    for name in _NOT_FOR_EXTRACTS:
        if getattr(request, name) != getattr(plain, name):
            raise unsupported("local", name, "the local models only read texts; leave it out or pin another provider")
    texts = [_shape(request), request.system, request.developer, *(one.text for one in request.history)]
    prompt = "\n\n".join([*filter(None, texts), request.prompt])
    return replace(request, prompt=prompt, system="", developer="", history=(), output_schema=None)


def _shape(request: ModelRequest) -> str:
    """Return the shape of the answers that a schema allows, as prompts show it."""
    if request.output_schema is None or request.model == ECHO:
        return ""
    schema = request.output_schema.schema
    properties = schema.get("properties")
    fields = list(properties.items()) if schema.get("type") == "object" and isinstance(properties, dict) else []
    written = [_field(name, said) for name, said in fields]
    shape = f"Answer as {{{', '.join(filter(None, written))}}}"
    if not fields or None in written or (found := shape_of(shape)) is None or len(found.fields) != len(fields):
        fix = "give an object whose properties are texts or have an enum of texts, or pin another provider"
        raise unsupported("local", "output_schema", f"the local models fill in objects of texts; {fix}")
    return shape


def _field(name: str, said: Any) -> str | None:
    if not isinstance(said, Mapping):
        return None
    options = said.get("enum")
    if isinstance(options, list) and len(options) > 1 and all(isinstance(one, str) for one in options):
        return f'"{name}": {" | ".join(f"{chr(34)}{one}{chr(34)}" for one in options)}'
    is_text = said.get("type") == "string" and not said.keys() & {"enum", "const", "pattern", "format", "maxLength"}
    return f'"{name}": "<{name}>"' if is_text else None
