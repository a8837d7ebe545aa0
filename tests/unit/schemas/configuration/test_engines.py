"""Settings of encrypted connections: what addresses carry, and errors that say what to do."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy.local.engines.tls.certificates import Authority
from schemas.configuration.kafka_access import Bootstrap, KafkaAccess, access_of, reached_alike
from schemas.configuration.tls_files import TlsFiles
from schemas.settings import Settings, kafka_from_env

CANARY = "s3cr3t-canary"
SASL = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", "KAFKA_SASL_USERNAME": "agent"}
OAUTH = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
    "KAFKA_OAUTH_TOKEN_URL": "https://login.example.com/token",
    "KAFKA_OAUTH_CLIENT_ID": "agent",
    "KAFKA_OAUTH_CLIENT_SECRET": CANARY,
}


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of an authority's certificate, and of a client's certificate and key, alone and in one file."""
    folder, authority = tmp_path_factory.mktemp("pem"), Authority()
    client = authority.signed("client")
    files = {"ca": authority.pair.cert, "cert": client.cert, "key": client.key, "both": client.cert + client.key}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return {name: str(folder / name) for name in files}


def lines_of(env: dict[str, str]) -> list[str]:
    _, problems = Settings.checked(env)
    assert CANARY not in "".join(problems.values())
    return list(problems.values())


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_brokers_are_plain_unless_something_is_said() -> None:
    kafka = Settings.from_env({"KAFKA_BOOTSTRAP": "a:1,b:2"}).kafka
    assert kafka.bootstrap == "a:1,b:2"
    assert access_of(kafka.bootstrap) == access_of("a:1") == KafkaAccess()


def test_addresses_of_brokers_carry_the_access_and_show_no_secret(pem: dict[str, str]) -> None:
    env = SASL | {"KAFKA_SASL_PASSWORD": CANARY, "KAFKA_SSL_CAFILE": pem["ca"], "KAFKA_BOOTSTRAP": "a:1"}
    for kafka in (Settings.from_env(env).kafka, kafka_from_env(env)):
        access = access_of(kafka.bootstrap)
        assert (access.protocol, access.mechanism, access.username) == ("SASL_SSL", "SCRAM-SHA-512", "agent")
        assert access.password == CANARY
        assert access.files == TlsFiles(ca=pem["ca"])
        assert CANARY not in f"{kafka!r} {kafka.bootstrap!r} {kafka.bootstrap} {access!r} {kafka.model_dump_json()}"


def test_a_password_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{CANARY}\n")
    env = SASL | {"KAFKA_SASL_PASSWORD_FILE": str(file)}
    assert access_of(Settings.from_env(env).kafka.bootstrap).password == CANARY
    assert access_of(kafka_from_env(env).bootstrap).password == CANARY


def test_other_brokers_are_reached_in_the_same_way() -> None:
    known = Bootstrap("a:1", KafkaAccess(username="agent"))
    other = reached_alike(known, "b:2")
    assert (other, other.access) == ("b:2", known.access)
    assert access_of(reached_alike("a:1", "b:2")) == KafkaAccess()


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"},
         ("KAFKA_SECURITY_PROTOCOL='TLS' is not one of 'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL'; "
          "write one of them")),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"},
         ("KAFKA_SASL_MECHANISM='' is missing beside KAFKA_SECURITY_PROTOCOL=SASL_SSL; write PLAIN, SCRAM-SHA-256, "
          "SCRAM-SHA-512 or OAUTHBEARER")),
        ({"KAFKA_SASL_MECHANISM": "PLAIN"},
         "KAFKA_SASL_MECHANISM='PLAIN' has no effect beside KAFKA_SECURITY_PROTOCOL=PLAINTEXT; write SASL_SSL there"),
        (SASL,
         ("KAFKA_SASL_PASSWORD is missing beside KAFKA_SASL_MECHANISM=SCRAM-SHA-512; set it, or the file that holds it "
          "as KAFKA_SASL_PASSWORD_FILE")),
        (SASL | {"KAFKA_SASL_USERNAME": "", "KAFKA_SASL_PASSWORD": CANARY},
         "KAFKA_SASL_USERNAME='' is missing beside KAFKA_SASL_MECHANISM=SCRAM-SHA-512; set it"),
        (OAUTH | {"KAFKA_OAUTH_TOKEN_URL": ""},
         "KAFKA_OAUTH_TOKEN_URL='' is missing beside KAFKA_SASL_MECHANISM=OAUTHBEARER; set it"),
        (OAUTH | {"KAFKA_OAUTH_TOKEN_URL": "http://login.example.com/token"},
         ("KAFKA_OAUTH_TOKEN_URL='http://login.example.com/token' is no address of https; a client's secret is sent "
          "there: write https://HOST/PATH")),
        (OAUTH | {"KAFKA_OAUTH_CLIENT_SECRET": ""},
         ("KAFKA_OAUTH_CLIENT_SECRET is missing beside KAFKA_SASL_MECHANISM=OAUTHBEARER; set it, or the file that "
          "holds it as KAFKA_OAUTH_CLIENT_SECRET_FILE")),
        ({"REDIS_HOST": "r", "REDIS_USERNAME": "u"},
         "REDIS_PASSWORD is missing beside REDIS_USERNAME; set it, or leave both out"),
        ({"REDIS_HOST": "r", "REDIS_TLS": "yes"}, "REDIS_TLS='yes' is neither true nor false; write one of the two"),
        ({"DB_HOST": "d", "DB_SSL_MODE": "on"},
         ("DATABASE_URL has an sslmode (DB_SSL_MODE) that is none of disable, allow, prefer, require, verify-ca, "
          "verify-full; write one of them")),
        ({"REDIS_CAFILE": "/no/ca"},
         ("REDIS_CAFILE='/no/ca' cannot be read (No such file or directory); name a PEM file that this process may "
          "read")),
    ],
)  # fmt: skip
def test_wrong_access_is_one_line_with_the_fix(env: dict[str, str], expected: str) -> None:
    assert lines_of(env) == [expected]


def test_an_oauth_client_needs_no_user() -> None:
    access = access_of(Settings.from_env(OAUTH).kafka.bootstrap)
    assert (access.tokens.client_id, access.tokens.client_secret) == ("agent", CANARY)
    assert CANARY not in repr(access)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CERTFILE": "cert"},
         "KAFKA_SSL_KEYFILE='' is missing beside KAFKA_SSL_CERTFILE; name the file of its key"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_KEYFILE": "key"},
         "KAFKA_SSL_KEYFILE='KEY' has no certificate; set KAFKA_SSL_CERTFILE, or leave both out"),
        ({"KAFKA_SSL_CAFILE": "ca"},
         "KAFKA_SSL_CAFILE='CA' has no effect beside KAFKA_SECURITY_PROTOCOL=PLAINTEXT; write SSL or SASL_SSL there"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": "key"},
         ("KAFKA_SSL_CAFILE='KEY' holds no certificate in PEM; write the authority's certificate, from BEGIN to END "
          "CERTIFICATE")),
        ({"REDIS_URL": "rediss://r:1", "REDIS_CERTFILE": "cert", "REDIS_KEYFILE": "ca"},
         "REDIS_KEYFILE='CA' holds no private key in PEM; write the key, from BEGIN to END PRIVATE KEY"),
        ({"REDIS_URL": f"redis://:{CANARY}@r:1", "REDIS_CAFILE": "ca"},
         "REDIS_URL is not encrypted, beside REDIS_CAFILE; write rediss:// or REDIS_TLS=true"),
        ({"CLICKHOUSE_HOST": "c", "CLICKHOUSE_CAFILE": "ca"},
         "CLICKHOUSE_URL is not encrypted, beside CLICKHOUSE_CAFILE; write https:// or CLICKHOUSE_SECURE=true"),
        ({"NATS_URL": "nats://n:1", "NATS_CAFILE": "ca"},
         "NATS_URL is not encrypted, beside NATS_CAFILE; write tls://"),
        ({"NATS_URL": "tls://n:1", "NATS_CREDS": "ca"},
         "NATS_CREDS='CA' holds no user's JWT and seed; write the file that `nsc generate creds` prints"),
        ({"DB_HOST": "d", "DB_SSL_ROOT_CERT": "ca"},
         ("DATABASE_URL has sslmode=disable, which may leave connections plain, beside DB_SSL_ROOT_CERT; write "
          "verify-full (DB_SSL_MODE)")),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_are_one_line_with_the_fix(
    env: dict[str, str], expected: str, pem: dict[str, str]
) -> None:
    named = {name: pem.get(value, value) for name, value in env.items()}
    for name in ("ca", "key"):
        expected = expected.replace(f"'{name.upper()}'", repr(pem[name]))
    assert lines_of(named) == [expected]


def test_a_locked_key_is_refused_before_anybody_is_asked_for_a_passphrase(pem: dict[str, str], tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
    env = {"REDIS_URL": "rediss://r:1", "REDIS_CERTFILE": pem["cert"], "REDIS_KEYFILE": str(locked)}
    (line,) = lines_of(env)
    assert line.endswith("is locked by a passphrase; write it without: openssl pkey -in KEY -out NEW")


def test_a_certificate_may_have_its_key_in_the_same_file(pem: dict[str, str]) -> None:
    settings = Settings.from_env({"REDIS_URL": "rediss://r:1", "REDIS_CERTFILE": pem["both"]})
    assert query_of(settings.redis.url.get_secret_value()) == {"ssl_certfile": pem["both"]}


def test_every_address_carries_its_files(pem: dict[str, str]) -> None:
    kinds = {"CAFILE": "ca", "CERTFILE": "cert", "KEYFILE": "key"}
    files = {
        f"{engine}_{kind}": pem[name] for engine in ("REDIS", "CLICKHOUSE", "NATS") for kind, name in kinds.items()
    }
    files |= {"DB_SSL_ROOT_CERT": pem["ca"], "DB_SSL_CERT": pem["cert"], "DB_SSL_KEY": pem["key"]}
    found = Settings.from_env(
        files
        | {"REDIS_HOST": "r", "REDIS_TLS": "true", "REDIS_USERNAME": "u@", "REDIS_PASSWORD": "p/"}
        | {"DATABASE_URL": "postgresql://u:p@d:5/x?application_name=a"}
        | {"CLICKHOUSE_HOST": "c", "CLICKHOUSE_SECURE": "true", "NATS_URL": "tls://u:p@n:1,tls://u:p@m:1"}
    )
    redis, dsn = found.redis.url.get_secret_value(), found.postgres.dsn.get_secret_value()
    clickhouse, nats = found.clickhouse.url.get_secret_value(), found.nats.url.get_secret_value()
    assert redis.startswith("rediss://u%40:p%2F@r:6379/0?")
    assert query_of(redis) == {"ssl_ca_certs": pem["ca"], "ssl_certfile": pem["cert"], "ssl_keyfile": pem["key"]}
    assert dsn.startswith("postgresql://u:p@d:5/x?")
    assert query_of(dsn) == {
        "application_name": "a",
        "sslmode": "verify-full",
        "sslrootcert": pem["ca"],
        "sslcert": pem["cert"],
        "sslkey": pem["key"],
    }
    assert clickhouse.startswith("https://c:8443?")
    assert query_of(clickhouse) == {"ca_cert": pem["ca"], "client_cert": pem["cert"], "client_cert_key": pem["key"]}
    assert nats.startswith("tls://u:p@n:1,tls://u:p@m:1?")
    assert nats.partition("?")[2].count("=") == len(kinds)


def test_what_an_address_names_itself_stays(pem: dict[str, str]) -> None:
    url = "rediss://r:1/0?ssl_ca_certs=/own/ca.pem"
    found = Settings.from_env({"REDIS_URL": url, "REDIS_CAFILE": pem["ca"]}).redis.url.get_secret_value()
    assert query_of(found) == {"ssl_ca_certs": "/own/ca.pem"}
