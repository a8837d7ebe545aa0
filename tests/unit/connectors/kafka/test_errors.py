"""What Kafka refuses to a user is said as such: an operator must give the right."""

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from connectors.kafka.errors import kafka_errors
from schemas.errors import AccessRefused, Unavailable


@pytest.mark.parametrize("error", [TopicAuthorizationFailedError("orders"), GroupAuthorizationFailedError("orders")])
def test_missing_right_is_a_refusal_with_its_page(error: KafkaError) -> None:
    with pytest.raises(AccessRefused) as caught, kafka_errors("append"):
        raise error
    assert str(caught.value) == "kafka: append: orders is not allowed to this user; see docs/how-to/hardening.md"


def test_other_errors_are_waited_for() -> None:
    with pytest.raises(Unavailable) as caught, kafka_errors("append"):
        raise KafkaError("something")
    assert not isinstance(caught.value, AccessRefused)
