"""How a command can fail that got no reply. Both count as a lost connection (``connectors.redis.errors``)."""

from redis.exceptions import ConnectionError as RedisConnectionError


class NotSentError(RedisConnectionError):
    """The server never had the command: no connection could be made."""


class ReplyLostError(RedisConnectionError):
    """The command was sent, and its reply will not come: nobody knows whether it was done."""
