"""The records of an attempt as the log may have them, in a run of a data subject.

Output and captured bodies are sealed where they are made. Here goes the rest, and it fails closed: a value that is
still plain is sealed now.

| of a record | becomes |
|---|---|
| the arguments of a model's calls of tools | sealed; ids and names of the tools stay |
| the words and details of an error | sealed; its code stays |
| hashes by which runs are compared | keyed with the subject's key: equal values compare, and nobody can try values |
| words of an error in a span | nothing |
| the progress of a user's own worker, which Redis keeps until the attempt ends | sealed |

When the key is destroyed meanwhile, an outcome becomes the failure ``subject_erased``. Its money stays.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson
from msgspec import structs

from connectors.aio.retry import until_available
from connectors.objects.store import Objects
from connectors.ports.engine import Clock
from schemas.errors import Rejected, SubjectErased
from schemas.payload import Inline, Payload, Reference
from schemas.privacy.sealed import ERASED_MESSAGE, is_sealed
from schemas.privacy.wants import Sealing
from schemas.records.base import ErrorInfo, Record
from schemas.records.money import ProviderCall
from schemas.records.run_events import StepFailed, StepSucceeded, ToolUse
from schemas.records.spans import Span, TraceSpans
from schemas.spec.error_codes import SUBJECT_ERASED
from services.privacy.subjects.ports import DataKey, SubjectKeys

#: What stands in place of an error's words.
SEALED_MESSAGE = "the words of this error are sealed with the data of its subject"
#: What begins the text of sealed progress.
_PROGRESS = "sealed-progress:"


class OutcomeSeals:
    """Seals what an attempt leaves. While the vault is down it waits: the attempt may be paid for."""

    def __init__(self, objects: Objects, keys: SubjectKeys, clock: Clock) -> None:
        self._objects = objects
        self._keys = keys
        self._clock = clock

    async def sealed(self, org_id: str, subject: str, records: Sequence[Record]) -> list[Record]:
        """Return the records of an attempt of a run with this subject, as they may be appended."""
        try:
            key = await until_available(lambda: self._keys.subject_key(org_id, subject), self._clock)
            return [await self._one(org_id, Sealing(subject), key, record) for record in records]
        except SubjectErased:
            return [erased(record) for record in records]

    async def progress(self, org_id: str, subject: str, plain: bytes) -> bytes:
        """Return JSON that a worker wants to have again, sealed, as JSON; empty once the key is destroyed.

        Raises ``Unavailable`` while the vault is down: the worker says it again.
        """
        try:
            key = await self._keys.subject_key(org_id, subject)
        except SubjectErased:
            return b""
        return orjson.dumps(_PROGRESS + urlsafe_b64encode(key.seal(plain, _bound(org_id, subject))).decode())

    async def progress_opened(self, org_id: str, subject: str, stored: bytes) -> bytes:
        """Return sealed progress as its worker gave it, empty once the key is destroyed. Raises ``Unavailable``."""
        text = orjson.loads(stored) if stored.startswith(f'"{_PROGRESS}'.encode()) else None
        if text is None:
            # It was stored before progress was sealed.
            return stored
        try:
            key = await self._keys.subject_key(org_id, subject)
            return key.open(urlsafe_b64decode(text.removeprefix(_PROGRESS)), _bound(org_id, subject))
        except (SubjectErased, Rejected):
            return b""

    async def _one(self, org_id: str, sealing: Sealing, key: DataKey, record: Record) -> Record:
        match record:
            case StepSucceeded():
                calls = [await self._use(org_id, sealing, use) for use in record.tool_calls]
                output = await self._payload(org_id, sealing, record.output)
                return structs.replace(record, output=output, tool_calls=calls)
            case StepFailed():
                return structs.replace(record, error=await self._error(org_id, sealing, record.error))
            case TraceSpans():
                return structs.replace(record, spans=[_span(one, key) for one in record.spans])
            case ProviderCall():
                request = None if record.request is None else await self._payload(org_id, sealing, record.request)
                response = None if record.response is None else await self._payload(org_id, sealing, record.response)
                return structs.replace(record, request=request, response=response)
            case _:
                return record

    async def _payload(self, org_id: str, sealing: Sealing, payload: Payload) -> Payload:
        if is_sealed(payload):
            return payload
        value = payload.value if isinstance(payload, Inline) else await self._objects.resolve(org_id, payload)
        found = await self._seal(org_id, sealing, value)
        return structs.replace(found, labels=payload.labels)

    async def _use(self, org_id: str, sealing: Sealing, use: ToolUse) -> ToolUse:
        if use.problem:
            # It quotes what is wrong with the arguments.
            return structs.replace(use, args={}, problem="the arguments cannot be used: they break a rule of values")
        sealed = await self._seal(org_id, sealing, use.args)
        return structs.replace(use, args={}, sealed=sealed)

    async def _error(self, org_id: str, sealing: Sealing, error: ErrorInfo) -> ErrorInfo:
        if error.code == SUBJECT_ERASED:
            return structs.replace(error, message=ERASED_MESSAGE, details={}, retryable=False)
        sealed = await self._seal(org_id, sealing, {"message": error.message, "details": error.details})
        return structs.replace(error, message=SEALED_MESSAGE, details={}, sealed=sealed)

    async def _seal(self, org_id: str, sealing: Sealing, value: Any) -> Reference:
        found = await until_available(lambda: self._objects.to_payload(org_id, value, sealing=sealing), self._clock)
        if not isinstance(found, Reference):
            raise TypeError("a value of a data subject was not sealed")
        return found


def _bound(org_id: str, subject: str) -> bytes:
    return f"progress\x00{org_id}\x00{subject}".encode()


def erased(record: Record) -> Record:
    """Return a record of an attempt whose subject's key was destroyed while it was made, without any content."""
    match record:
        case StepSucceeded():
            fields = {name: getattr(record, name) for name in record.__struct_fields__ if name in _COMMON}
            return StepFailed(error=_erased_error(record.step_id), **fields)
        case StepFailed():
            return structs.replace(record, error=_erased_error(record.step_id))
        case TraceSpans():
            return structs.replace(record, spans=[_blank(one) for one in record.spans])
        case ProviderCall():
            return structs.replace(record, request=None, response=None)
        case _:
            return record


_COMMON = frozenset(StepFailed.__struct_fields__) & frozenset(StepSucceeded.__struct_fields__)


def _erased_error(step_id: str) -> ErrorInfo:
    return ErrorInfo(code=SUBJECT_ERASED, message=ERASED_MESSAGE, step_id=step_id)


def _span(span: Span, key: DataKey) -> Span:
    return structs.replace(
        _blank(span), input_hash=keyed(key, span.input_hash), output_hash=keyed(key, span.output_hash)
    )


def _blank(span: Span) -> Span:
    return structs.replace(span, status_message="", input_hash="", output_hash="")


def keyed(key: DataKey, sha256: str) -> str:
    """Return the hash of a value under a subject's key, given its plain hash; empty for none."""
    return key.name("hash", sha256).hex() if sha256 else ""


def plain_left(record: Record) -> bool:
    """Return whether a record still has an inline value: for tests and simulations."""
    return b'"kind":"inline"' in msgspec.json.encode(record)
