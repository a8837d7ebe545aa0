"""What a receiver answers to spans, by either transport."""

from typing import NamedTuple, Protocol

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from schemas.errors import Rejected

#: A receiver that wants to wait longer is asked after this time.
MAX_RETRY_AFTER_S = 300.0
#: While a receiver refuses us, its operator or ours must act.
REFUSED_RETRY_S = 30.0


class Delivery(NamedTuple):
    """A request that was taken, with how many spans of it were not, and why."""

    rejected_spans: int = 0
    message: str = ""


class RefusedSpans(Rejected):
    """The request must not be sent again. ``divisible``: a part of it may be taken alone."""

    def __init__(self, message: str, *, divisible: bool) -> None:
        super().__init__(message)
        self.divisible = divisible


class Sender(Protocol):
    """Sends requests to one receiver, one at a time."""

    async def send(self, body: bytes) -> Delivery:
        """Send an ``ExportTraceServiceRequest``.

        Raises ``Unavailable`` when it should be sent again after a while, whether or not the receiver has it, and
        ``RefusedSpans``.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


def delivery_of(body: bytes) -> Delivery:
    """Return what an answer says; one that cannot be read took everything, as its status says."""
    try:
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except DecodeError:
        return Delivery()
    return Delivery(max(0, partial.rejected_spans), partial.error_message[:500])
