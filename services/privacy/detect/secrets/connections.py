"""Connection strings and addresses that hold a password: URLs of any scheme, JDBC, ADO, ODBC, drivers' own forms."""

import re
from typing import Final
from urllib.parse import unquote

from services.privacy.detect.rules import Rule
from services.privacy.detect.secrets.lookalikes import example_password, from_code

_USERINFO: Final = re.compile(r"://[^\s/@]*?:(?P<password>[^\s]+)@")
_FIELD: Final = re.compile(
    r"(?i)(?:password|pwd|accountkey|sharedaccesskey|sharedaccesssignature|passwd|api-?key)\s*=\s*['\"{]?(?P<password>[^;'\"}\s&]+)"
)
_SLASHED: Final = re.compile(r"[:\s]\w[\w$#.-]*/(?P<password>[^@\s]+)@")
_DRIVER: Final = re.compile(r"^[^:]+:(?P<password>.+)@(?:tcp|unix|\()")


def with_password(text: str) -> bool:
    """Return whether an address has a password that is none of documentation."""
    for form in (_USERINFO, _FIELD, _SLASHED, _DRIVER):
        if (found := form.search(text)) is not None:
            password = unquote(found["password"])
            return len(password) >= 3 and not example_password(password) and not from_code(password)
    return False


_HOSTS = (
    r"Server|Data Source|DataSource|Driver|Host|Address|Addr|Network Address|DSN|Dbq|Provider|AccountName|Endpoint|"
    r"DefaultEndpointsProtocol|User Id|Uid"
)
_URL = r"[A-Za-z0-9]://[^\s/:@]*:"
_PASSWORDS = r"Password|Pwd|AccountKey|SharedAccessKey"
_FIELDS = rf"(?i)(?:{_PASSWORDS}) ?="

CONNECTION_RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "secret/url-credentials",
        "connection_string",
        r"""\b((?:jdbc:)?[A-Za-z][A-Za-z0-9+.-]*://[^\s/@:"'<>`]*:[^\s"'<>`/]{2,}@[^\s"'<>`,;)]+)""",
        0.95,
        group=1,
        validate=with_password,
        trigger=_URL,
    ),
    Rule(
        "secret/database-credentials",
        "connection_string",
        r"""\b((?:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?|mssql|clickhouse)(?:\+\w+)?://[^\s/@:"'<>`]*:[^\s"'<>`]{2,}@[^\s"'<>`,;)]+)""",
        0.95,
        group=1,
        validate=with_password,
        trigger=_URL,
    ),
    Rule(
        "secret/jdbc-credentials",
        "connection_string",
        r"""\b(jdbc:[a-z0-9:]+(?:@|//|:)[^\s"'<>`]*(?:password|pwd)=[^\s"'<>`&;]{3,}[^\s"'<>`]*)""",
        0.95,
        group=1,
        validate=with_password,
        trigger=r"jdbc:",
    ),
    Rule(
        "secret/oracle-credentials",
        "connection_string",
        r"""(?i)\b((?:jdbc:oracle:[a-z]+:|sqlplus(?: -[A-Za-z]+)* )[\w$#.-]+/[^\s"'<>`@]{3,}@[^\s"'<>`]+)""",
        0.95,
        group=1,
        validate=with_password,
        trigger=r"(?i)jdbc:oracle|sqlplus ",
    ),
    Rule(
        "secret/ado-odbc",
        "connection_string",
        rf"""(?i)\b((?:{_HOSTS}) ?= ?[^\n"'`;]+;[^\n"'`]*?(?:{_PASSWORDS}) ?= ?[^\s"'`;]{{3,}}(?:;[^\n"'`]*)?)""",
        0.95,
        group=1,
        validate=with_password,
        trigger=_FIELDS,
    ),
    Rule(
        "secret/password-first-ado",
        "connection_string",
        rf"""(?i)\b((?:{_PASSWORDS}) ?= ?[^\s"'`;]{{3,}};[^\n"'`]*?(?:{_HOSTS}) ?= ?[^\n"'`;]+)""",
        0.9,
        group=1,
        validate=with_password,
        trigger=_FIELDS,
    ),
    Rule(
        "secret/driver-credentials",
        "connection_string",
        r"""(?:^|[\s"'`=])([\w.-]+:[^\s"'`:@/]{3,}@(?:tcp|unix)\([^)\s]{3,}\)/?\w*)""",
        0.95,
        group=1,
        validate=with_password,
        trigger=r"@(?:tcp|unix)\(",
    ),
)
