"""Which transport a target has."""

from collections.abc import Mapping

from connectors.otlp.delivery import Sender
from connectors.otlp.grpc_sender import GrpcSender
from connectors.otlp.http_sender import HttpSender
from connectors.otlp.targets import Target


def sender_of(target: Target, env: Mapping[str, str]) -> Sender:
    """Return a target's sender. ``env`` has the secrets of its headers.

    Raises ``ValueError`` for one that is missing, and for gRPC without its package.
    """
    return GrpcSender(target, env) if target.protocol == "grpc" else HttpSender(target, env)
