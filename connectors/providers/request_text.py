"""A request as one text, whose tokens bound what a model reads."""

from connectors.providers.base import ModelRequest
from connectors.providers.conversation import weight


def request_text(request: ModelRequest) -> str:
    """Return a text with at least the tokens of a request, without images."""
    schema = request.output_schema
    history = [[one.role, one.text] for one in request.history]
    options = dict(request.options)
    more = (
        options,
        request.system,
        request.developer,
        history,
        None if schema is None else [schema.name, schema.schema],
    )
    return weight(request.prompt, request.tools, request.turns, *more)
