"""Settings: variables and defaults, secrets from files, and errors that say what to do."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from schemas.configuration.kafka import Kafka
from schemas.configuration.variables import read_secret
from schemas.settings import Settings, kafka_from_env, variables

SECRETS = [setting for setting in variables().values() if setting.secret]
CANARY = "s3cr3t-canary"
#: A secret that is more than a text.
SHAPED = {
    "GRAFANA_URL": f"http://u:{CANARY}@host",
    "API_KEYS": f'[{{"key": "{CANARY}-of-a-test", "org_id": "acme"}}]',
    "CELL_TOKEN": CANARY * 4,
}


def value_of(settings: Settings, group: str, field: str) -> object:
    found = getattr(getattr(settings, group), field)
    return found.get_secret_value() if isinstance(found, SecretStr) else found


def errors_of(env: dict[str, str]) -> list[str]:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it says is checked by the caller
        Settings.from_env(env)
    assert caught.value.__cause__ is None
    return str(caught.value).splitlines()


def test_no_variable_gives_the_defaults() -> None:
    assert Settings.from_env({}) == Settings()


def test_empty_variables_give_the_defaults() -> None:
    parts = ("DB_HOST", "REDIS_HOST", "CLICKHOUSE_HOST")
    assert Settings.from_env(dict.fromkeys((*variables(), *parts), "")) == Settings()


def test_no_two_settings_share_a_variable() -> None:
    assert len(variables()) == sum(len(type(group).model_fields) for _, group in Settings())


def test_the_process_environment_is_not_read_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA", '{"bootstrap": "elsewhere:9092"}')
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "elsewhere:9092")
    assert Settings() == Settings.from_env({})


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().kafka.bootstrap = "elsewhere:9092"  # type: ignore[misc]


@pytest.mark.parametrize(("raw", "expected"), [("true", True), ("TRUE", True), ("false", False), ("", False)])
def test_flag_is_true_or_false(raw: str, expected: bool) -> None:
    assert Settings.from_env({"CHAIN_STEPS": raw}).tables.chain_steps is expected


@pytest.mark.parametrize("raw", ["1", "yes", "on"])
def test_flag_refuses_other_words_by_name(raw: str) -> None:
    assert errors_of({"CHAIN_STEPS": raw}) == [f"CHAIN_STEPS={raw!r} is neither true nor false; write one of the two"]


def test_choice_refuses_what_is_not_one_of_it() -> None:
    (line,) = errors_of({"CAPTURE": "everything"})
    assert line == "CAPTURE='everything' is not one of 'full', 'redacted' or 'none'; write one of them"


def test_every_wrong_variable_has_one_line() -> None:
    lines = errors_of({"TOPIC_PARTITIONS": "a dozen", "LOCAL_ERROR_RATE": "half", "API_KEY_FILE": "/no/key"})
    assert sorted(lines) == [
        "API_KEY_FILE='/no/key' cannot be read (No such file or directory); name a file that this process may read",
        "LOCAL_ERROR_RATE='half' is not a number; write one such as 0.0, in the digits 0 to 9",
        "TOPIC_PARTITIONS='a dozen' is not a whole number; write one such as 12, in the digits 0 to 9",
    ]


@pytest.mark.parametrize("raw", ["1_0", " 12", "+12", "1e1", "\uff11\uff10", "\u0661\u0660", "0x10", "nan", "inf"])
@pytest.mark.parametrize("name", ["TOPIC_PARTITIONS", "WORKER_DRAIN_S"])
def test_number_refuses_texts_that_are_no_ascii_decimals(name: str, raw: str) -> None:
    (line,) = errors_of({name: raw})
    assert line.startswith(f"{name}={raw!r} is not a ")
    assert line.endswith(", in the digits 0 to 9")


def test_every_number_takes_its_default_as_text() -> None:
    env = {name: one.default for name, one in variables().items() if not one.secret}
    assert Settings.from_env(env) == Settings()


@pytest.mark.parametrize("setting", SECRETS, ids=lambda setting: setting.variable)
def test_every_secret_is_hidden_and_may_come_from_a_file(setting: object, tmp_path: Path) -> None:
    group, field, name = setting.group, setting.field, setting.variable  # type: ignore[attr-defined]
    file = tmp_path / "secret"
    secret = SHAPED.get(name, CANARY)
    file.write_text(f"{secret}\n")
    for env in ({name: secret}, {f"{name}_FILE": str(file)}):
        settings = Settings.from_env(env)
        assert value_of(settings, group, field) == secret
        assert CANARY not in repr(settings) + str(settings) + settings.model_dump_json()
    (line,) = errors_of({name: secret, f"{name}_FILE": str(file)})
    assert line == f"{name} and {name}_FILE are both set; leave one of them out"


def test_what_is_no_secret_is_not_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "value"
    file.write_text("elsewhere:9092")
    assert Settings.from_env({"KAFKA_BOOTSTRAP_FILE": str(file)}) == Settings()


@pytest.mark.parametrize(
    ("written", "expected"), [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a "), ("a", "a")]
)
def test_one_newline_at_the_end_of_a_file_is_not_part_of_the_secret(
    written: str, expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(written.encode())
    assert read_secret({"API_KEY_FILE": str(file)}, "API_KEY") == expected


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"REDIS_MODE": "ring"}, "REDIS_MODE='ring' is not one of single, sentinel, cluster"),
        ({"REDIS_MODE": "sentinel"}, "REDIS_MODE=sentinel needs REDIS_SENTINEL_MASTER"),
    ],
)
def test_a_kind_of_redis_that_cannot_be_used_says_the_fix(env: dict[str, str], said: str) -> None:
    (line,) = errors_of({"REDIS_HOST": "r"} | env)
    assert line.startswith(said)


@pytest.mark.parametrize("content", [b"", b"\n", CANARY.encode() + b"\xff"])
def test_file_without_a_usable_secret_is_named_and_not_shown(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    (line,) = errors_of({"API_KEY_FILE": str(file)})
    assert line.startswith(f"API_KEY_FILE={str(file)!r} is ")
    assert CANARY not in line


@pytest.mark.parametrize(
    ("env", "password", "group", "field", "expected"),
    [
        ({"DB_HOST": "db"}, "DB_PASSWORD", "postgres", "dsn",
         "postgresql://agentflow:p%2F%40@db:5432/agentflow?sslmode=disable"),
        ({"REDIS_HOST": "r", "REDIS_PORT": "7"}, "REDIS_PASSWORD", "redis", "url", "redis://:p%2F%40@r:7/0"),
        ({"REDIS_HOST": "a, b:7,c", "REDIS_MODE": "cluster"}, "REDIS_PASSWORD", "redis", "url",
         "redis+cluster://:p%2F%40@a:6379,b:7,c:6379"),
        ({"REDIS_HOST": "a,b", "REDIS_MODE": "sentinel", "REDIS_SENTINEL_MASTER": "m"}, "REDIS_SENTINEL_PASSWORD",
         "redis", "url", "redis+sentinel://a:26379,b:26379/0?master=m&sentinel_password=p%2F%40"),
        ({"DB_HOST": "a, b:7"}, "DB_PASSWORD", "postgres", "dsn",
         "postgresql://agentflow:p%2F%40@a:5432,b:7/agentflow?sslmode=disable&target_session_attrs=primary"),
        ({"CLICKHOUSE_HOST": "a,b:9", "CLICKHOUSE_USER": "u"}, "CLICKHOUSE_PASSWORD", "clickhouse", "url",
         "http://u:p%2F%40@a:8123,b:9"),
        ({"CLICKHOUSE_HOST": "ch", "CLICKHOUSE_USER": "u"}, "CLICKHOUSE_PASSWORD", "clickhouse", "url",
         "http://u:p%2F%40@ch:8123"),
    ],
)  # fmt: skip
def test_url_is_built_from_its_parts_with_a_password_from_a_variable_or_a_file(
    env: dict[str, str], password: str, group: str, field: str, expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("p/@\n")
    for given in ({password: "p/@"}, {f"{password}_FILE": str(file)}):
        assert value_of(Settings.from_env(env | given), group, field) == expected
    (line,) = errors_of(env | {password: "x", f"{password}_FILE": str(file)})
    assert line.startswith(f"{password} and {password}_FILE are both set")


def test_whole_url_wins_over_its_parts() -> None:
    settings = Settings.from_env({"REDIS_URL": "redis://whole/0", "REDIS_HOST": "part"})
    assert settings.redis.url.get_secret_value() == "redis://whole/0"


def test_commands_of_the_log_read_its_variables_alone() -> None:
    env = {"KAFKA_BOOTSTRAP": "elsewhere:9092", "TOPIC_PARTITIONS": "", "CAPTURE": "everything", "API_KEY_FILE": "/no"}
    assert kafka_from_env(env) == Kafka(bootstrap="elsewhere:9092")
    with pytest.raises(ValueError, match="TOPIC_PARTITIONS='a dozen' is not a whole number"):
        kafka_from_env(env | {"TOPIC_PARTITIONS": "a dozen"})


ISSUER = "https://login.example.com"


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (
            {"OIDC_ISSUER": ISSUER},
            "OIDC_AUDIENCE='' is missing beside OIDC_ISSUER; set it to what its tokens name for this API",
        ),
        (
            {"OIDC_ISSUER": "http://login.example.com", "OIDC_AUDIENCE": "af"},
            "OIDC_ISSUER='http://login.example.com' must be an https URL such as https://login.example.com",
        ),
        (
            {"OIDC_ISSUER": "https://[", "OIDC_AUDIENCE": "af"},
            "OIDC_ISSUER='https://[' is not a URL; write one such as https://login.example.com",
        ),
        (
            {"OIDC_ROLES": "a=look"},
            (
                "OIDC_ROLES='a=look' gives 'a' the unknown permissions look; write read, write and admin with + "
                "between them"
            ),
        ),
        (
            {"OIDC_ORGANISATIONS": "acme"},
            (
                "OIDC_ORGANISATIONS='acme' has 'acme', which is no pair; write pairs such as left=right with commas "
                "between them"
            ),
        ),
        (
            {"API_KEYS": '[{"key": "sixteen-characters", "org_id": "dlq"}]'},
            (
                "API_KEYS 0.org_id: 'dlq' is reserved for dead letters; choose another id; write a list of entries "
                "with key, org_id, permissions, name"
            ),
        ),
    ],
)
def test_setting_that_would_fail_later_is_refused_where_it_is_read(env: dict[str, str], said: str) -> None:
    assert errors_of(env) == [said]


def test_issuer_with_its_audience_is_read() -> None:
    found = Settings.from_env({"OIDC_ISSUER": ISSUER, "OIDC_AUDIENCE": "af", "OIDC_ORGANISATIONS": "a=b"}).oidc
    assert (found.issuer, found.audience, found.organisations) == (ISSUER, "af", "a=b")


def test_settings_are_listed_once() -> None:
    assert variables() is variables()


@pytest.mark.parametrize(("replicas", "in_sync", "fix"), [("1", "2", "write 1"), ("3", "3", "write 2")])
def test_replicas_in_sync_that_would_stop_every_write_are_refused(replicas: str, in_sync: str, fix: str) -> None:
    (line,) = errors_of({"TOPIC_REPLICATION": replicas, "TOPIC_MIN_ISR": in_sync})
    assert line.startswith(f"TOPIC_MIN_ISR={in_sync!r} must be less than TOPIC_REPLICATION={replicas}")
    assert line.endswith(fix)


def test_a_pooler_of_transactions_is_said_in_the_address() -> None:
    env = {"DATABASE_URL": "postgresql://u@db/x?sslmode=require", "DB_PREPARED_STATEMENTS": "false"}
    assert value_of(Settings.from_env(env), "postgres", "dsn").endswith("/x?unprepared=true&sslmode=require")
