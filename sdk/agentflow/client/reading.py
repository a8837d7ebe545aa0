"""Answers as models of ``agentflow.models``, or as errors."""

from typing import TypeVar

from pydantic import ValidationError

from agentflow.answer import Answer
from agentflow.client.response import Response
from agentflow.errors import UnexpectedAnswer, error_of

A = TypeVar("A", bound=Answer)


def checked(response: Response) -> Response:
    """Return a success. Raises the ``APIError`` of anything else."""
    if not 200 <= response.status < 300:
        raise error_of(response)
    return response


def read(kind: type[A], response: Response) -> A:
    """Return a success as a model, whose ``response`` is the raw answer. Raises ``APIError``, ``UnexpectedAnswer``."""
    return parse(kind, checked(response))


def parse(kind: type[A], response: Response, also: int | None = None) -> A:
    """Return the body as a model, of a success or of the status ``also``. Raises ``APIError``, ``UnexpectedAnswer``."""
    if response.status != also:
        checked(response)
    try:
        found = kind.model_validate_json(response.content)
    except ValidationError as exc:
        what = f"the answer is not a {kind.__name__} as this version knows it: {exc}"
        raise UnexpectedAnswer(f"{what}; upgrade agentflow-sdk, or read the error's `response`", response) from exc
    return found.of(response)
