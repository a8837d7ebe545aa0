"""Says why brokers refuse a client, or a client them: aiokafka only says that it reached none.

It is asked after a failure. It connects once more to each server, in their order, until one says something.
"""

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from schemas.configuration.kafka_access import access_of
from topics.clients import connection_options
from topics.tls_faults import tls_fault
from topics.tokens import NoTokenError

#: A refusal comes at once; a server that is silent for longer is another trouble.
ANSWER_MS = 2_000
_REFUSED = (AuthenticationFailedError, SaslAuthenticationFailed, IllegalSaslStateError)


async def refusal(bootstrap: str) -> str:
    """Return the refusal in one line with its fix, without anything secret; empty where nobody refuses anything."""
    how = access_of(bootstrap)
    if not (how.encrypted or how.logs_in):
        return ""
    options = connection_options(bootstrap)
    for host, port, _ in collect_hosts(str(bootstrap), randomize=False):
        try:
            conn = await create_conn(host, port, request_timeout_ms=ANSWER_MS, **options)
        except (KafkaError, OSError, TimeoutError) as exc:
            if why := _words(exc, how.mechanism):
                return f"{host}:{port}: {why}"
        else:
            conn.close()
            return ""
    return ""


def _words(exc: BaseException, mechanism: str) -> str:
    if fault := tls_fault(exc, "KAFKA_SSL_CAFILE", "KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE"):
        return fault
    if isinstance(exc, NoTokenError):
        return str(exc.args[0])
    if isinstance(exc, UnsupportedSaslMechanismError):
        return f"it does not know KAFKA_SASL_MECHANISM={mechanism}; write one that it has"
    if isinstance(exc, _REFUSED):
        # The broker's own text may repeat what was sent.
        fix = "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
        if mechanism == "OAUTHBEARER":
            fix = "KAFKA_OAUTH_CLIENT_ID and KAFKA_OAUTH_SCOPE"
        return f"it refuses the login by {mechanism}; correct {fix}"
    return ""
