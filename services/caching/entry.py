"""How an answer is stored: an answer with what it used, or the refusal of a provider."""

from msgspec import Struct, json

from connectors.providers.base import ModelResponse
from connectors.providers.conversation import Asked
from schemas.errors import StepError
from schemas.records.base import Json, Usage


class CachedAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer as it was given, or the error that came instead. ``call_id`` is the call that it is of.

    ``labels`` is the label of all that it was made of, as words; nothing is known of one without.
    """

    text: str = ""
    usage: Usage = Usage()
    finish_reason: str = "stop"
    asked: list[Asked] = []
    opaque: dict[str, Json] | None = None
    error_code: str = ""
    error: str = ""
    call_id: str = ""
    labels: list[str] = []

    @classmethod
    def of(cls, response: ModelResponse, call_id: str, labels: list[str] | None = None) -> "CachedAnswer":
        """Return what is stored of a response; not its exact bodies, which belong to the call that was made."""
        return cls(
            text=response.text,
            usage=response.usage,
            finish_reason=response.finish_reason,
            asked=list(response.asked),
            opaque=response.opaque,
            call_id=call_id,
            labels=labels or [],
        )

    def response(self) -> ModelResponse:
        """Return the answer. Raises the final ``StepError`` that was stored."""
        if self.error_code:
            raise StepError(self.error_code, self.error)
        return ModelResponse(self.text, self.usage, self.finish_reason, asked=tuple(self.asked), opaque=self.opaque)

    def encoded(self) -> bytes:
        """Return its bytes."""
        return json.encode(self)


def decoded(body: bytes) -> CachedAnswer:
    """Return an answer from its bytes."""
    return json.decode(body, type=CachedAnswer)
