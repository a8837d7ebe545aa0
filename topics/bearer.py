"""The login by OAUTHBEARER as RFC 7628 has it; aiokafka takes a broker's refusal of a token for a success."""

import aiokafka.conn
from aiokafka.conn import OAuthAuthenticator
from aiokafka.errors import AuthenticationFailedError

#: What a client answers to a refusal (RFC 7628, 3.2.3); the broker ends the login then, with an error.
ACKNOWLEDGED = b"\x01"


class BearerAuthenticator(OAuthAuthenticator):  # type: ignore[misc] # the library has no types
    """Sends a token. A broker that does not take it first says why as data, and waits for an acknowledgement."""

    _acknowledged = False

    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        """Return the next message and whether it has an answer; ``None`` after a login.

        Raises ``AuthenticationFailedError`` for a broker that is content with a refusal.
        """
        if not payload or not self._token_sent:
            message: tuple[bytes, bool] | None = await super().step(payload)
            return message
        if self._acknowledged:
            raise AuthenticationFailedError("the token is refused")
        self._acknowledged = True
        return ACKNOWLEDGED, True


def install() -> None:
    """Make connections of aiokafka log in by this."""
    aiokafka.conn.OAuthAuthenticator = BearerAuthenticator
