"""Configuration files: what they say, what is wrong in them, and where each value is from."""

from pathlib import Path

import pytest

from schemas.configuration.file import CONFIG_FILE, Problem, check_config, configured, read_config
from schemas.configuration.keys import config_keys
from schemas.configuration.report import MASK, report
from schemas.settings import Settings

ROOT = Path(__file__).parents[4]
ENV = {"DB_PASSWORD": "secret-of-a-test", "WORKER_ID": "w-7"}
GUIDE = """
server:
  host: "0.0.0.0"
  port: 8080
database:
  host: "${DB_HOST}"
  port: ${DB_PORT}
  user: "${DB_USER}"
  password: "${DB_PASSWORD}"
  database: "${DB_NAME}"
  ssl_mode: "${DB_SSL_MODE}"
redis:
  host: "${REDIS_HOST}"
  port: ${REDIS_PORT}
  password: "${REDIS_PASSWORD}"
clickhouse:
  host: "${CLICKHOUSE_HOST}"
  port: ${CLICKHOUSE_PORT}
  user: "${CLICKHOUSE_USER}"
  password: "${CLICKHOUSE_PASSWORD}"
  database: "${CLICKHOUSE_DATABASE}"
nats:
  url: "${NATS_URL}"
auth:
  api_keys:
    - key: "your-secure-api-key"
      org_id: "your-org-uuid"
      permissions: ["read", "write", "admin"]
logging:
  level: "info"
  format: "json"
"""
GUIDE_ENV = {
    "DB_HOST": "db",
    "DB_PORT": "5433",
    "DB_USER": "af",
    "DB_PASSWORD": "p/w",
    "DB_NAME": "flow",
    "DB_SSL_MODE": "require",
    "REDIS_HOST": "cache",
    "REDIS_PORT": "6380",
    "REDIS_PASSWORD": "r",
    "CLICKHOUSE_HOST": "ch",
    "CLICKHOUSE_PORT": "9000",
    "CLICKHOUSE_USER": "c",
    "CLICKHOUSE_PASSWORD": "h",
    "CLICKHOUSE_DATABASE": "facts",
    "NATS_URL": "nats://n:4222",
}
#: Files with one fault each, and what `check` says of it.
FAULTS = {
    "section": ("sever:\n  port: 1\n", "1: 'sever' is no section; did you mean 'server'?"),
    "key": ("worker:\n  concurency: 4\n", "2: 'concurency' is no key in worker; did you mean 'concurrency'?"),
    "number": (
        "worker:\n  concurrency: ten\n",
        "2: worker.concurrency: WORKER_CONCURRENCY='ten' is not a whole number",
    ),
    "port": ("server:\n  port: 80800\n", "2: server.port: API_PORT='80800' is too large; write at most 65535"),
    "choice": ("logging:\n  format: xml\n", "2: logging.format: LOG_FORMAT='xml' is not one of 'text' or 'json'"),
    "variable": ("nats:\n  url: ${NO_SUCH}\n", "2: nats.url needs the variable NO_SUCH; set it, or write"),
    "braces": ("nats:\n  url: '${NATS'\n", "2: nats.url has '${NATS'; write ${NAME} or ${NAME:-default}"),
    "twice": ("nats:\n  url: a\n  url: b\n", "3: url is already set in line 2; remove one"),
    "yaml": ("nats:\n  url: 'a\nworker: {}\n", "is not YAML: found unexpected end of stream"),
    "shape": ("nats:\n  url: [a, b]\n", "2: nats.url is a list or a mapping; write one value"),
    "permission": (
        "auth:\n  api_keys:\n  - {key: sixteen-characters, org_id: a, permissions: [rite]}\n",
        "2: auth.api_keys: API_KEYS 0.permissions.0: Input should be 'read', 'write' or 'admin'",
    ),
    "short key": (
        "auth:\n  api_keys:\n  - {key: short, org_id: a}\n",
        "2: auth.api_keys: API_KEYS 0.key: Value should have at least 16 items",
    ),
    "secret file": (
        "redis:\n  password_file: /no/such/file\n  host: r\n",
        "2: redis.password_file: REDIS_PASSWORD_FILE='/no/such/file' cannot be read",
    ),
    "size": (
        "cache:\n  max_size: big\n",
        "2: cache.max_size 'big' is no size; write bytes or a text such as 512MB or 1GB",
    ),
    "both": (
        "redis:\n  url: redis://a\n  host: b\n",
        "2: redis.url and its parts are both given; leave one of the two out",
    ),
}


def settings_of(text: str, env: dict[str, str]) -> Settings:
    return Settings.from_env(read_config("x.yaml", text, env).merged(env))


def test_the_guides_file_sets_what_it_says():
    assert check_config("x.yaml", GUIDE, GUIDE_ENV).problems == []
    found = Settings.from_env(read_config("x.yaml", GUIDE, GUIDE_ENV).values)
    assert found.postgres.dsn.get_secret_value() == "postgresql://af:p%2Fw@db:5433/flow?sslmode=require"
    assert found.redis.url.get_secret_value() == "redis://:r@cache:6380/0"
    assert found.clickhouse.url.get_secret_value() == "http://c:h@ch:8123"
    assert (found.api.port, found.logging.level, found.logging.format) == (8080, "INFO", "json")


def test_a_key_of_the_guide_that_is_not_used_is_reported_and_no_fault():
    unused = read_config("x.yaml", GUIDE, GUIDE_ENV).unused
    assert [problem.line for problem in unused] == [18]
    assert "clickhouse.http_port (8123)" in unused[0].text


@pytest.mark.parametrize("name", ["control-plane.yaml", "worker.yaml"])
def test_the_shipped_files_are_right(name):
    path = ROOT / "config" / name
    assert check_config(str(path), path.read_text(encoding="utf-8"), ENV).problems == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_planted_fault_is_found_with_its_line(fault):
    text, said = FAULTS[fault]
    found = [str(problem) for problem in check_config("x.yaml", text, {}).problems]
    assert len(found) == 1, found
    assert said in found[0]


def test_several_faults_are_found_at_once_in_the_order_of_lines():
    text = "worker:\n  concurency: 1\n  concurrency: 0\nsever: {}\n"
    assert [problem.line for problem in check_config("x.yaml", text, {}).problems] == [2, 3, 4]


def test_no_message_shows_a_secret():
    text = "auth:\n  api_keys:\n  - {key: sixteen-secret-characters, org_id: 'not an id'}\n"
    assert all("secret" not in str(problem) for problem in check_config("x.yaml", text, {}).problems)


def test_the_environment_wins_over_the_file():
    text = "worker:\n  concurrency: 4\n  id: from-file\n"
    found = settings_of(text, {"WORKER_CONCURRENCY": "8"})
    assert (found.worker.concurrency, found.worker.id) == (8, "from-file")


@pytest.mark.parametrize(
    ("text", "env", "expected"),
    [
        ("redis: {url: 'redis://file/0'}", {"REDIS_HOST": "env"}, "redis://env:6379/0"),
        ("redis: {host: file, port: 1}", {"REDIS_URL": "redis://env/0"}, "redis://env/0"),
        ("redis: {host: file, port: 1}", {"REDIS_PORT": "2"}, "redis://file:2/0"),
    ],
)
def test_a_url_and_its_parts_are_one_setting(text, env, expected):
    assert settings_of(text, env).redis.url.get_secret_value() == expected


def test_a_secret_of_the_environment_wins_over_the_files_secret_file(tmp_path):
    text = f"security: {{api_key_file: {tmp_path / 'none'}}}"
    assert settings_of(text, {"API_KEY": "k"}).security.api_key.get_secret_value() == "k"


@pytest.mark.parametrize(
    ("written", "expected"),
    [("${A}-${B:-b}", "a-b"), ("$$A", "$A"), ("${B:-}x", "x"), ("${EMPTY:-b}", "b"), ("a$b", "a$b")],
)
def test_variables_are_filled_in(written, expected):
    text = f"worker:\n  id: '{written}'\n"
    assert read_config("x.yaml", text, {"A": "a", "EMPTY": ""}).values == {"WORKER_ID": expected}


@pytest.mark.parametrize("text", ["", "# nothing\n", "worker:\n", "worker:\n  id:\n", "worker:\n  id: null\n"])
def test_what_is_empty_sets_nothing(text):
    found = read_config("x.yaml", text, {})
    assert (found.values, found.problems) == ({}, [])


def test_every_setting_has_a_key():
    keys = config_keys()
    assert keys["providers.openai_api_key"] == "OPENAI_API_KEY"
    assert keys["providers.openai_api_key_file"] == "OPENAI_API_KEY_FILE"
    assert "worker.id_file" not in keys


def test_config_file_is_read_and_its_problems_have_its_name(tmp_path):
    path = tmp_path / "worker.yaml"
    path.write_text("worker:\n  concurrency: 3\n", encoding="utf-8")
    assert configured({CONFIG_FILE: str(path)})["WORKER_CONCURRENCY"] == "3"
    path.write_text("worker:\n  concurrency: x\n", encoding="utf-8")
    with pytest.raises(ValueError, match=rf"^{path}:2: worker.concurrency: "):
        configured({CONFIG_FILE: str(path)})
    with pytest.raises(ValueError, match="cannot be read"):
        configured({CONFIG_FILE: str(tmp_path / "none.yaml")})


def test_report_has_values_with_origins_and_masks_secrets():
    file = read_config("w.yaml", "worker:\n  id: a\nredis:\n  host: r\n  password: of-a-test\n", {})
    shown = {one.variable: one for one in report({"API_KEY": "of-a-test", "WORKER_CONCURRENCY": "7"}, file)}
    assert (shown["WORKER_ID"].value, shown["WORKER_ID"].origin) == ("a", "w.yaml:2: worker.id")
    assert (shown["REDIS_URL"].value, shown["REDIS_URL"].origin) == (MASK, "w.yaml:4: redis.host")
    assert (shown["API_KEY"].value, shown["API_KEY"].origin) == (MASK, "environment: API_KEY")
    assert (shown["WORKER_CONCURRENCY"].value, shown["API_PORT"].origin) == ("7", "default")
    assert "of-a-test" not in repr(list(shown.values()))


def test_problem_of_the_whole_file_has_no_line():
    assert (str(Problem(0, "is wrong")), str(Problem(3, "is wrong"))) == ("is wrong", "3: is wrong")


def test_check_finds_an_issuer_without_its_audience():
    text = "oidc:\n  issuer: https://login.example.com\n"
    assert [problem.text for problem in check_config("api.yaml", text, {}).problems] == [
        "OIDC_AUDIENCE='' is missing beside OIDC_ISSUER; set it to what its tokens name for this API"
    ]
