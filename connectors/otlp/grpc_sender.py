"""OTLP over gRPC. The package ``grpcio`` is optional, so it is imported when a target needs it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.otlp.delivery import MAX_RETRY_AFTER_S, REFUSED_RETRY_S, Delivery, RefusedSpans, delivery_of
from connectors.otlp.rpc_status import retry_after_s
from connectors.otlp.targets import Target
from schemas.errors import Unavailable

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_DETAILS = "grpc-status-details-bin"
#: The protocol's own list of what may be sent again; RESOURCE_EXHAUSTED only where the receiver says when.
_RETRIED = frozenset({"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"})
_MISCONFIGURED = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED", "NOT_FOUND"})


def load_grpc() -> Any:
    """Return the library. Raises ``ValueError`` with the fix where it is not installed."""
    try:
        import grpc
    except ImportError as exc:
        raise ValueError(
            "an OTLP target has protocol grpc, and grpcio is not installed: run `pip install --require-hashes -r "
            "requirements-otlp.lock`, or write protocol: http"
        ) from exc
    return grpc


class GrpcSender:
    """Sends to one receiver. The channel belongs to a loop, so the first request makes it."""

    def __init__(self, target: Target, env: Mapping[str, str]) -> None:
        self._grpc = load_grpc()
        url = urlsplit(target.endpoint)
        self._address = url.netloc if ":" in url.netloc.rpartition("]")[2] else f"{url.netloc}:4317"
        self._tls = url.scheme == "https"
        self._name = f"OTLP target {target.name}"
        self._metadata = tuple((name.lower(), value) for name, value in target.header_values(env).items())
        self._timeout_s = target.timeout_ms / 1000
        self._compression = self._grpc.Compression.Gzip if target.compression == "gzip" else None
        self._channel: Any = None

    async def send(self, body: bytes) -> Delivery:
        """See ``Sender``."""
        if self._channel is None:
            self._channel = self._opened()
        call = self._channel.unary_unary(METHOD)
        try:
            answer = await call(body, timeout=self._timeout_s, metadata=self._metadata, compression=self._compression)
        except self._grpc.aio.AioRpcError as exc:
            raise self._meaning(exc) from exc
        return delivery_of(answer)

    async def close(self) -> None:
        """Close the channel."""
        if self._channel is not None:
            await self._channel.close()

    def _opened(self) -> Any:
        aio = self._grpc.aio
        # Without this a receiver that was down is tried again only after minutes.
        options = [("grpc.max_reconnect_backoff_ms", 5_000)]
        if self._tls:
            return aio.secure_channel(self._address, self._grpc.ssl_channel_credentials(), options=options)
        return aio.insecure_channel(self._address, options=options)

    def _meaning(self, exc: Any) -> Unavailable | RefusedSpans:
        code, said = exc.code().name, f"{exc.code().name}: {(exc.details() or '')[:300]}"
        wait_s = _asked_wait_s(exc)
        if code in _RETRIED or wait_s is not None:
            return Unavailable(self._name, said, 1.0 if wait_s is None else min(MAX_RETRY_AFTER_S, wait_s))
        if code in _MISCONFIGURED:
            return Unavailable(self._name, f"{said}; correct its endpoint or headers", REFUSED_RETRY_S)
        return RefusedSpans(said, divisible=code in {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"})


def _asked_wait_s(exc: Any) -> float | None:
    for name, value in exc.trailing_metadata() or ():
        if name == _DETAILS and isinstance(value, bytes):
            return retry_after_s(value)
    return None
