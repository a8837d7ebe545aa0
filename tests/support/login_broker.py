"""A broker of Kafka with every login that we speak, on one encrypted listener: PLAIN, SCRAM and OAUTHBEARER."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.local.engines.engine import EngineContext
from deploy.local.engines.kafka import KafkaEngine
from deploy.local.engines.ports import PortBook
from deploy.local.engines.tls.files import LocalTls
from tests.support.token_server import AUDIENCE, TokenServer

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
_SECURITY = "org.apache.kafka.common.security"
_CLIENTS = "listener.name.clients"


class LoginBroker(KafkaEngine):
    """``users`` are passwords by name, for both kinds of SCRAM; tokens are those of ``tokens``.

    A connection with a token ends after ``session_ms``, as brokers in clouds do it; 0 for never.
    """

    def __init__(self, context: EngineContext, users: dict[str, str], tokens: TokenServer, session_ms: int = 0) -> None:
        super().__init__(context)
        self._scram, self._tokens, self._session_ms = users, tokens, session_ms

    def _format_options(self) -> Sequence[str]:
        return [
            part
            for kind in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for name, password in self._scram.items()
            for part in ("--add-scram", f"{kind}=[name={name},password={password}]")
        ]

    def _java(self) -> list[str]:
        return [*super()._java(), f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self._tokens.url}/keys"]

    def _write_config(self) -> None:
        super()._write_config()
        scram = {
            f"{_CLIENTS}.{kind}.sasl.jaas.config": f"{_SECURITY}.scram.ScramLoginModule required;"
            for kind in ("scram-sha-256", "scram-sha-512")
        }
        everybody = ("agentflow", "ANONYMOUS", *self._scram, *self._tokens.clients)
        bearer, own = f"{_CLIENTS}.oauthbearer", f"{_SECURITY}.oauthbearer"
        lines = scram | {
            "super.users": ";".join(f"User:{name}" for name in everybody),
            "sasl.enabled.mechanisms": ",".join(MECHANISMS),
            f"{bearer}.sasl.jaas.config": f"{own}.OAuthBearerLoginModule required;",
            f"{bearer}.sasl.server.callback.handler.class": f"{own}.OAuthBearerValidatorCallbackHandler",
            f"{bearer}.connections.max.reauth.ms": str(self._session_ms),
            # Kafka 4.1's default is that of clients, which checks no signature.
            "sasl.oauthbearer.jwt.validator.class": f"{own}.BrokerJwtValidator",
            "sasl.oauthbearer.jwks.endpoint.url": f"{self._tokens.url}/keys",
            "sasl.oauthbearer.expected.audience": AUDIENCE,
            "sasl.oauthbearer.expected.issuer": self._tokens.url,
        }
        with self._config.open("a") as config:  # the last line of a name counts
            config.writelines(f"{key}={value}\n" for key, value in lines.items())


@contextmanager
def login_broker(
    folder: Path, users: dict[str, str], tokens: TokenServer, session_ms: int = 0
) -> Iterator[LoginBroker]:
    """Serve until the block ends."""
    tls = LocalTls(folder / "tls")
    ports = PortBook(folder / "ports.json")
    context = EngineContext(folder, ports, secret="broker-own", durable=False, tls=tls)
    broker = LoginBroker(context, users, tokens, session_ms)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()
