"""The base of all answers."""

from typing import Self

from pydantic import BaseModel, ConfigDict, PrivateAttr

from agentflow.client.response import Response


class Answer(BaseModel):
    """A part of an answer. Fields that this version does not know are attributes, too."""

    model_config = ConfigDict(
        frozen=True, extra="allow", defer_build=True, populate_by_name=True, protected_namespaces=()
    )

    _response: Response | None = PrivateAttr(default=None)

    @property
    def response(self) -> Response:
        """The raw answer: status, headers, bytes, request id. Raises ``ValueError`` for a part of an answer."""
        if self._response is None:
            raise ValueError(f"this {type(self).__name__} is a part of an answer; ask the whole for its response")
        return self._response

    def of(self, response: Response) -> Self:
        """Return itself with its raw answer."""
        self._response = response
        return self
