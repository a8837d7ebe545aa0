"""Makes every client of Kafka, Faust's included: how a process reaches the brokers is decided here and nowhere else.

It is below ``connectors`` because the topics' own commands talk to the brokers, too. Clients are not started yet. The
addresses carry TLS and the login, see ``schemas.configuration.kafka_access``.
"""

import logging
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from schemas.configuration.kafka_access import access_of
from topics import bearer
from topics.tls import client_context
from topics.tokens import token_provider

# aiokafka builds a debug log record on every send unless its loggers stand above DEBUG.
logging.getLogger("aiokafka").setLevel(logging.WARNING)
bearer.install()


def producer(bootstrap: str, **options: Any) -> AIOKafkaProducer:
    """Return a producer whose records are acknowledged by all in-sync replicas; ``options`` are aiokafka's."""
    return AIOKafkaProducer(acks="all", **access(bootstrap), **options)


def consumer(bootstrap: str, **options: Any) -> AIOKafkaConsumer:
    """Return a consumer that never commits offsets by itself; ``options`` are aiokafka's."""
    return AIOKafkaConsumer(enable_auto_commit=False, **access(bootstrap), **options)


def admin(bootstrap: str, timeout_ms: int) -> AIOKafkaAdminClient:
    """Return a client for topics and groups."""
    return AIOKafkaAdminClient(request_timeout_ms=timeout_ms, **access(bootstrap))


def faust_access(bootstrap: str) -> dict[str, Any]:
    """Return what Faust's app must know of the brokers: it makes a producer of its own."""
    return {"broker": [f"aiokafka://{server}" for server in bootstrap.split(",")], **_faust_login(bootstrap)}


def access(bootstrap: str) -> dict[str, Any]:
    """Return aiokafka's options of addresses, TLS and login. Raises ``ValueError`` for files that cannot be used."""
    return {"bootstrap_servers": str(bootstrap), **connection_options(bootstrap)}


def connection_options(bootstrap: str) -> dict[str, Any]:
    """Return aiokafka's options of TLS and login alone, which single connections take, too."""
    how = access_of(bootstrap)
    options: dict[str, Any] = {}
    if how.encrypted:
        options |= {"ssl_context": client_context(how.files)}
    if how.logs_in and how.mechanism == "OAUTHBEARER":
        options |= {"sasl_mechanism": how.mechanism, "sasl_oauth_token_provider": token_provider(how.tokens)}
    elif how.logs_in:
        options |= {
            "sasl_mechanism": how.mechanism,
            "sasl_plain_username": how.username,
            "sasl_plain_password": how.password,
        }
    return options | {"security_protocol": how.protocol} if options else {}


def _faust_login(bootstrap: str) -> dict[str, Any]:
    options = connection_options(bootstrap)
    if not options:
        return {}
    # Only stream roles have Faust loaded.
    from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials

    context = options.get("ssl_context")
    if (provider := options.get("sasl_oauth_token_provider")) is not None:
        return {"broker_credentials": OAuthCredentials(oauth_cb=provider, ssl_context=context)}
    if (mechanism := options.get("sasl_mechanism")) is not None:
        user, password = options["sasl_plain_username"], options["sasl_plain_password"]
        login = SASLCredentials(username=user, password=password, mechanism=mechanism, ssl_context=context)
        return {"broker_credentials": login}
    return {"broker_credentials": SSLCredentials(context)}
