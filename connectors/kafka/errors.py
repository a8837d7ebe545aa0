"""Maps aiokafka's exceptions to AgentFlow's, in one place."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    NodeNotReadyError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartitionError,
)

from schemas.errors import AccessRefused, TooLarge, Unavailable

_NOT_ALLOWED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, TransactionalIdAuthorizationFailed)


@contextmanager
def kafka_errors(what: str) -> Iterator[None]:
    """Raise ``Unavailable("kafka", …)`` for errors that a retry may fix, ``TooLarge`` for a record over the limit.

    A user without a right gets ``AccessRefused``: an operator must give it.
    """
    try:
        yield
    except (MessageSizeTooLargeError, RecordTooLargeError) as exc:
        raise TooLarge(f"{what}: a record is over the topic's limit ({exc})") from exc
    except UnknownTopicOrPartitionError as exc:
        raise Unavailable("kafka", f"{what}: a topic is missing; run `python -m topics create` ({exc})") from exc
    except _NOT_ALLOWED as exc:
        why = f"{what}: {' '.join(map(str, exc.args))} is not allowed to this user; see docs/how-to/hardening.md"
        raise AccessRefused("kafka", why) from exc
    except (KafkaConnectionError, NodeNotReadyError) as exc:
        raise Unavailable("kafka", f"{what}: no broker answers") from exc
    except (KafkaError, IllegalStateError, TimeoutError, OSError) as exc:
        raise Unavailable("kafka", f"{what}: {type(exc).__name__}: {exc}") from exc
