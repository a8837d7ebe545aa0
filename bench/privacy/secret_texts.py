"""Texts in which secrets stand, and texts in which only what looks like one does. All from a seed."""

import base64
import hashlib
import json
import random
import textwrap
from collections.abc import Callable, Iterator
from typing import NamedTuple

from bench.privacy.secret_templates import MADE_OF, TEMPLATES, made


class Secret(NamedTuple):
    """A text and the part of it that is a secret."""

    shape: str
    text: str
    value: str


def secrets(seed: int, each: int = 1) -> Iterator[Secret]:
    """Yield every shape in ``each`` contexts."""
    rng = random.Random(f"secrets {seed}")  # noqa: S311 - test data
    for shape, template in TEMPLATES.items():
        for _ in range(each):
            value = made(template, rng)
            name = shape.removeprefix("named:") if shape.startswith("named:") else ""
            yield Secret(shape, _context(name, shape, value, rng), value)
    for shape, make in OTHERS.items():
        for _ in range(each):
            yield Secret(shape, *make(rng))


def _context(name: str, shape: str, value: str, rng: random.Random) -> str:
    if name:
        return rng.choice(_NAMED)(name, value)
    return rng.choice(_ANYWHERE).replace("@NAME@", _identifier(shape)).replace("@@", value)


_NAMED: tuple[Callable[[str, str], str], ...] = (
    lambda name, value: f"{name.upper()}={value}\nDEBUG=true\n",
    lambda name, value: f'export {name.upper()}="{value}"',
    lambda name, value: json.dumps({"region": "eu-west-1", name: value, "retries": 3}),
    lambda name, value: f"service:\n  {name}: {value}\n  timeout: 30\n",
    lambda name, value: f"{name} = '{value}'  # rotate in June",
    lambda name, value: f"const {name} = `{value}`;",
    lambda name, value: f"Hi, the {name.replace('_', ' ')} is {value} for now.",
)
_ANYWHERE: tuple[str, ...] = (
    "@NAME@=@@\nPORT=8080\n",
    '{"id": 17, "credential": "@@", "ok": true}',
    "client = Client('@@')",
    "curl -H 'Authorization: Bearer @@' https://api.test/v1/things",
    "Please use @@ until Friday, then we rotate it.",
    "2024-05-01T10:00:00Z ERROR request failed key=@@ status=401",
    "config:\n  value: @@\n",
    "(@@)",
    "line one\\n@@\\nline three",
    "<setting>@@</setting>",
)


def _identifier(shape: str) -> str:
    return shape.replace("-", "_").upper()


def _text(rng: random.Random, alphabet: str, size: int) -> str:
    return "".join(rng.choices(MADE_OF[alphabet], k=size))


def password(rng: random.Random) -> str:
    """Return a password as people and generators make them."""
    return rng.choice(
        (
            f"{rng.choice(('Winter', 'tiger', 'Blue', 'kestrel'))}{rng.randrange(10, 9999)}!",
            _text(rng, "a", 12) + rng.choice("#!%+") + "7",
            f"{_text(rng, 'L', 5)}-{_text(rng, 'l', 5)}9-{_text(rng, 'L', 4)}",
        )
    )


def _jwt(rng: random.Random) -> tuple[str, str]:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    header = part({"alg": rng.choice(("HS256", "RS256", "ES256")), "typ": "JWT"})
    token = f"{header}.{part({'sub': _text(rng, 'd', 9), 'exp': 1900000000})}.{_text(rng, 'w', 43)}"
    return f"Authorization: Bearer {token}\r\nAccept: */*", token


def _pem(kind: str, *, one_line: bool = False) -> Callable[[random.Random], tuple[str, str]]:
    def make(rng: random.Random) -> tuple[str, str]:
        body = "\n".join(textwrap.wrap(_text(rng, "b", 800), 64))
        block = f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"
        if one_line:
            block = block.replace("\n", "\\n")
            return f'{{"type": "service_account", "private_key": "{block}\\n"}}', block
        return f"Here it is:\n\n{block}\n\nThanks", block

    return make


def _putty(rng: random.Random) -> tuple[str, str]:
    lines = "\n".join(textwrap.wrap(_text(rng, "b", 600), 64))
    block = (
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: deploy\nPublic-Lines: 2\n"
        f"{lines[:130]}\nPrivate-Lines: 8\n{lines}\nPrivate-MAC: {_text(rng, 'h', 64)}"
    )
    return f"{block}\n", block


def _filled(*forms: str) -> Callable[[random.Random], tuple[str, str]]:
    """Return a maker of texts with a password at ``@@``."""

    def make(rng: random.Random) -> tuple[str, str]:
        secret = password(rng).replace("#", "+").replace("%", "+")
        return rng.choice(forms).replace("@@", secret), secret

    return make


def _basic(rng: random.Random) -> tuple[str, str]:
    token = base64.b64encode(f"deploy:{password(rng)}".encode()).decode()
    return f"Authorization: Basic {token}\n", token


OTHERS: dict[str, Callable[[random.Random], tuple[str, str]]] = {
    "jwt": _jwt,
    "pem-pkcs8": _pem("PRIVATE KEY"),
    "pem-rsa": _pem("RSA PRIVATE KEY"),
    "pem-ec": _pem("EC PRIVATE KEY"),
    "pem-openssh": _pem("OPENSSH PRIVATE KEY"),
    "pem-encrypted": _pem("ENCRYPTED PRIVATE KEY"),
    "pgp": _pem("PGP PRIVATE KEY BLOCK"),
    "pem-one-line": _pem("PRIVATE KEY", one_line=True),
    "putty": _putty,
    "dsn-postgres": _filled(
        "DATABASE_URL=postgres://app:@@@db.internal:5432/main", "postgresql+asyncpg://svc:@@@10.0.0.5/prod"
    ),
    "dsn-mysql": _filled("mysql://root:@@@mysql:3306/shop?charset=utf8", "shop:@@@tcp(10.1.2.3:3306)/orders"),
    "dsn-mongodb": _filled("mongodb+srv://admin:@@@cluster0.ab1cd.mongodb.net/test"),
    "dsn-redis": _filled("redis://:@@@cache.internal:6379/0", "rediss://default:@@@cache:6380"),
    "dsn-amqp": _filled("amqp://worker:@@@rabbit:5672/vhost", "amqps://worker:@@@rabbit.internal/%2f"),
    "dsn-smtp": _filled("smtp://mailer:@@@smtp.internal:587", "smtps://mailer%40corp.test:@@@mail:465"),
    "dsn-ftp-ldap": _filled("ftp://upload:@@@files.internal/in", "ldap://cn=admin:@@@ldap.internal:389"),
    "basic-url": _filled(
        "git clone https://ci:@@@git.internal/app.git", "fetch('http://admin:@@@10.0.0.9:8080/status')"
    ),
    "jdbc": _filled(
        "jdbc:postgresql://db:5432/app?user=app&password=@@", "jdbc:sqlserver://db;databaseName=x;user=sa;password=@@;"
    ),
    "jdbc-oracle": _filled("jdbc:oracle:thin:scott/@@@db.internal:1521/ORCL"),
    "odbc": _filled("Driver={SQL Server};Server=db1;Database=crm;Uid=sa;Pwd=@@;", "DSN=sales;UID=report;PWD=@@"),
    "ado": _filled("Server=tcp:db1,1433;Initial Catalog=crm;User Id=sa;Password=@@;Encrypt=True"),
    "password-env": _filled("DB_USER=app\nDB_PASSWORD=@@\nDB_HOST=x", 'export PGPASSWORD="@@"', "MYSQL_PWD=@@"),
    "password-json": _filled(
        '{"user": "ann", "password": "@@"}', '{"smtp": {"passwd": "@@", "port": 25}}', '{\\"pwd\\": \\"@@\\"}'
    ),
    "password-yaml": _filled("db:\n  user: app\n  password: @@\n  host: x", "auth:\n  passphrase: '@@'\n"),
    "password-code": _filled(
        "password = '@@'", 'String dbPassword = "@@";', "conn(user='a', password='@@')", 'pwd := "@@"'
    ),
    "password-flag": _filled(
        "mysql -u root -p@@ shop", "sshpass -p @@ ssh ops@10.0.0.3", "tool login --password @@ --user x"
    ),
    "password-curl": _filled("curl -u admin:@@ https://host.internal/api"),
    "password-xml": _filled("<user>sa</user><password>@@</password>", '<add key="DbPassword" value="@@" />'),
    "password-prose": _filled(
        "My password is @@ by the way.", "Login: ann@corp.test, password: @@", "The Wi-Fi password: @@"
    ),
    "password-netrc": _filled("machine ftp.internal login ann password @@"),
    "password-query": _filled("GET /login?user=ann&password=@@&next=/"),
    "basic-header": _basic,
}


#: Placeholders, code, prose, documentation: what people write about secrets without giving any away.
_WRITTEN = (
    ("your key", "OPENAI_API_KEY=sk-your-api-key-here"),
    ("your key capitals", 'api_key = "YOUR_API_KEY"'),
    ("x key", "ANTHROPIC_API_KEY=sk-ant-api03-" + "x" * 95),
    ("stars", "password: ********"),
    ("dots", "token: ghp_................................"),
    ("angle", "Authorization: Bearer <token>"),
    ("angle flag", "curl -u <user>:<password> https://host"),
    ("shell variable", 'Authorization: Bearer ${ACCESS_TOKEN}"'),
    ("shell variable dsn", "DATABASE_URL=postgres://${DB_USER}:${DB_PASSWORD}@db/main"),
    ("dollar", "password=$DB_PASSWORD"),
    ("mustache", "api_key: {{ vault_api_key }}"),
    ("github secret", "token: ${{ secrets.GITHUB_TOKEN }}"),
    ("python env", 'api_key = os.environ["OPENAI_API_KEY"]'),
    ("python getenv", "password = os.getenv('DB_PASSWORD', '')"),
    ("node env", "const token = process.env.SLACK_BOT_TOKEN;"),
    ("call", "password = getpass.getpass('Password: ')"),
    ("call two", "secret = generate_secret(32)"),
    ("attribute", "self.password = config.database.password"),
    ("type", "password: str"),
    ("type json", '"password": {"type": "string", "minLength": 8}'),
    ("none", "password = None"),
    ("null", '"access_token": null'),
    ("empty", 'password = ""'),
    ("boolean", "require_password: true"),
    ("prose", "Forgot your password? Click here to reset it."),
    ("prose rule", "The password must have at least 12 characters and one digit."),
    ("prose policy", "Password: minimum eight characters, one of them a digit."),
    ("prose token", "A token is about four characters of English text."),
    ("prose key", "The key is to listen carefully to the customer."),
    ("prose secret", "The secret of good bread is time and a hot oven."),
    ("prose incorrect", "Your password is incorrect, try again."),
    ("prose expired", "The access token is expired; the password was changed yesterday."),
    ("aws example id", "AKIAIOSFODNN7EXAMPLE"),
    ("aws example secret", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("dsn example", "postgres://user:password@localhost:5432/dbname"),
    ("dsn placeholder", "mongodb://<username>:<password>@host/db"),
    ("dsn without password", "postgres://app@db.internal:5432/main"),
    ("url with port", "see http://localhost:8080/@scope/package for tokens"),
    ("sequence", "ghp_1234567890abcdefghijklmnopqrstuvwxyz"),
    ("zeros", "token = 00000000-0000-0000-0000-000000000000"),
    ("deadbeef", "key: deadbeefdeadbeefdeadbeefdeadbeef"),
    ("pem example", "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----"),
    ("pem words", "The file starts with -----BEGIN RSA PRIVATE KEY----- and must be kept safe."),
    ("pem placeholder", "private_key: '-----BEGIN PRIVATE KEY-----\\nYOUR_KEY\\n-----END PRIVATE KEY-----'"),
    ("redacted", "slack token xoxb-REDACTED"),
    ("token name", "secret_name: prod/payments/stripe"),
    ("token count", "max_tokens: 4096, token_type: bearer"),
    ("token url", "token_url = https://login.corp.test/oauth2/token"),
    ("file", "key_file=/etc/ssl/private/server.key"),
    ("password file", "password_file: /run/secrets/db_password"),
    ("secret ref", "secretKeyRef:\n  name: app-secrets\n  key: api-token"),
    ("header list", "Access-Control-Allow-Headers: Authorization, X-Api-Key"),
    ("sort key", "partition_key=customer-2024-eu, sort_key=order-17"),
    ("slug", "https://blog.test/how-to-store-an-api-key-in-2024-without-pain"),
    ("class name", "com.corp.security.TokenAuthenticationFilterFactoryBean"),
    ("constant", "PASSWORD_RESET_TOKEN_EXPIRY_SECONDS = 3600"),
    ("translation", 'password_label: "Kennwort eingeben"'),
    (
        "jwt.io",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    ),
    ("not a jwt", "eyJust.eyBeautiful.andSomeMoreLettersHere"),
    ("basic word", "Basic authentication is turned off; Basic understanding suffices."),
    ("bearer word", "The bearer understanding-of-the-document is personal."),
    ("sql", "SELECT password, token FROM users WHERE password IS NOT NULL"),
    ("html form", '<input type="password" name="password" placeholder="Enter password">'),
    ("todo", "API_TOKEN=changeme"),
    ("doc flag", "--password PASSWORD  the password to use"),
    ("doc flag brackets", "mytool login --token=<TOKEN>"),
    ("vault path", "password: vault:secret/data/db#password"),
    ("one password ref", "API_KEY=op://prod/openai/credential"),
)


def look_alikes(seed: int, each: int = 1) -> Iterator[tuple[str, str]]:
    """Yield texts without a secret, each with the name of what it looks like."""
    rng = random.Random(f"look-alikes {seed}")  # noqa: S311 - test data
    for _ in range(each):
        yield from _WRITTEN
        yield from _random_ones(rng)


class _Drawn(NamedTuple):
    """Random texts that several look-alikes hold."""

    sha1: str
    sha256: str
    md5: str
    body: str
    ident: str


def _random_ones(rng: random.Random) -> Iterator[tuple[str, str]]:
    sha1, sha256, md5 = _text(rng, "h", 40), _text(rng, "h", 64), _text(rng, "h", 32)
    drawn = _Drawn(sha1, sha256, md5, _text(rng, "b", 300), made("{U}", rng))
    for some in (_digests, _encoded, _numbers):
        yield from some(rng, drawn)


def _digests(rng: random.Random, of: _Drawn) -> tuple[tuple[str, str], ...]:
    """Return hashes of files, commits and packages."""
    return (
        ("git commit", f"commit {of.sha1}\nAuthor: Ann <ann@corp.test>\n\n    fix the token parser"),
        ("git short log", f"{of.sha1[:10]} secrets: read the key from the vault"),
        ("git url", f"https://git.test/app/tree/{of.sha1}/src/token"),
        ("git object", f"index {of.sha1[:7]}..{of.md5[:7]} 100644\n--- a/password.py\n+++ b/password.py"),
        ("sha256 sum", f"{of.sha256}  secrets-1.2.0.tar.gz"),
        ("named checksum", f"sha256: {of.sha256}\nfile: token_service.py"),
        ("pip hash", f"requests==2.31.0 \\\n    --hash=sha256:{of.sha256}"),
        ("md5", f"md5 of password-policy.pdf: {of.md5}"),
        ("etag", f'ETag: "{of.md5}"\nCache-Control: no-store'),
        ("docker digest", f"image: registry.test/auth@sha256:{of.sha256}"),
        ("integrity", f'<script src="a.js" integrity="sha384-{_text(rng, "b", 64)}" crossorigin></script>'),
        ("lock file", f'"node_modules/key": {{"version": "1.2.3", "integrity": "sha512-{_text(rng, "b", 86)}=="}}'),
        ("go sum", f"golang.org/x/oauth2 v0.20.0 h1:{_text(rng, 'b', 43)}="),
    )


def _encoded(rng: random.Random, of: _Drawn) -> tuple[tuple[str, str], ...]:
    """Return names of requests, pictures, and keys that are public."""
    return (
        ("uuid", f"request_id={of.ident} status=200 token accepted"),
        ("uuid id", f'{{"id": "{of.ident}", "name": "password reset"}}'),
        ("trace", f"traceparent: 00-{of.md5}-{of.sha1[:16]}-01"),
        ("picture", f'<img src="data:image/png;base64,iVBORw0KGgo{of.body}">'),
        ("jpeg", f"data:image/jpeg;base64,/9j/{of.body}"),
        ("font", f"src: url(data:font/woff2;base64,d09GMg{of.body})"),
        (
            "certificate",
            "-----BEGIN CERTIFICATE-----\n"
            + "\n".join(textwrap.wrap("MIID" + of.body, 64))
            + "\n-----END CERTIFICATE-----",
        ),
        (
            "public key",
            "-----BEGIN PUBLIC KEY-----\n"
            + "\n".join(textwrap.wrap("MIIB" + of.body, 64))
            + "\n-----END PUBLIC KEY-----",
        ),
        ("ssh public key", f"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ{of.body} ann@laptop"),
        ("fingerprint", f"SHA256:{_text(rng, 'b', 43)} is the key's fingerprint"),
    )


def _numbers(rng: random.Random, of: _Drawn) -> tuple[tuple[str, str], ...]:
    """Return ids, numbers and addresses of other systems."""
    return (
        ("stripe object", f"charge ch_{_text(rng, 'a', 24)} of customer cus_{_text(rng, 'a', 14)} failed"),
        ("stripe publishable", f"pk_live_{_text(rng, 'a', 24)}"),
        ("mongo id", f'{{"_id": "{_text(rng, "h", 24)}", "token_count": 512}}'),
        ("ethereum", f"wallet 0x{of.sha1} received 2 tokens"),
        ("aws arn", "arn:aws:secretsmanager:eu-west-1:112233445566:secret:prod/db-AbCdEf"),
        ("youtube", f"https://www.youtube.com/watch?v={_text(rng, 'w', 11)}"),
        ("s3 key", f"s3 key: exports/2024/05/{of.ident}/part-0001.parquet"),
        ("idempotency", f"Idempotency-Key: {of.ident}"),
        ("page token", f'"next_page_token": "{_text(rng, "a", 40)}"'),
        ("bcrypt", f"password: $2b$12${_text(rng, 'a', 53)}"),
        ("password hash", f"password_hash = '{hashlib.sha256(of.ident.encode()).hexdigest()}'"),
        ("public key setting", f"public_key: {_text(rng, 'a', 44)}"),
        ("cache key", f"cache_key = '{of.md5}'"),
        ("long number", f"token {_text(rng, 'd', 20)} tokens used"),
        ("css class", f"class='sk-fading-circle sk-circle{rng.randrange(9)}'"),
        ("tracking number", f"Your parcel {_text(rng, 'd', 20)} is on its way"),
        ("phone and order", f"order 4711-{_text(rng, 'd', 8)}, secret santa list"),
        ("version", "password-hasher 12.4.1-beta.3+build.20240501"),
        ("email message id", f"Message-ID: <{_text(rng, 'a', 22)}@mail.gmail.com>"),
        ("oauth public client id", f"client_id={_text(rng, 'd', 12)}-{_text(rng, 'l', 32)}.apps.googleusercontent.com"),
    )
