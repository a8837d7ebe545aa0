"""Settings of triggers."""

import pytest

from schemas.settings import Settings


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SCHEMA_REGISTRY_URL", "registry:8081", "http://HOST:PORT"),
        ("TRIGGER_TOPICS", "orders", "acme:orders"),
        ("KAFKA_PRODUCE_TOPICS", "orders", "acme:orders"),
    ],
)
def test_wrong_settings_are_named_with_a_fix(variable: str, value: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        Settings.from_env({variable: value})
    assert variable in str(raised.value)


def test_right_settings_are_read() -> None:
    env = {"SCHEMA_REGISTRY_URL": "https://registry:8081", "TRIGGER_TOPICS": "acme:orders.*, *:news"}
    settings = Settings.from_env(env)
    assert settings.schema_registry.url == env["SCHEMA_REGISTRY_URL"]
    assert settings.triggers.topics == env["TRIGGER_TOPICS"]
