r"""Values behind the name of a secret: assignments, JSON, YAML, headers, flags of commands, queries of URLs, prose.

A name may have something before it (``DB_PASSWORD``) but only little behind it: ``password_hash``, ``token_count`` and
``secret_name`` name something else. ``\b`` is ASCII in RE2, so names in other scripts stand without it.
"""

from typing import Final

from services.privacy.detect.rules import Rule
from services.privacy.detect.secrets.checks import basic_credentials
from services.privacy.detect.secrets.values import (
    key_value,
    password_in_prose,
    password_value,
    plain_password,
    token_value,
)

_WORDS = (
    r"(?:password|passwd|passphrase|passcode|pass[_-]?key|pwd|passw|user_?pass|db_?pass|_pass|passwort|kennwort|"
    r"mot de passe|contraseña|senha|wachtwoord|hasło|пароль|密码|密碼|口令|パスワード)"
)
_KEY = (
    r"(?:(?:api|access|secret|auth|private|signing|encryption|master|account|shared|licen[cs]e|service|deploy|webhook|"
    r"admin|app|application|consumer|customer|integration|write|ingest|functions?|host|subscription|storage|session|"
    r"hmac|aes|root|server|personal|project|org|user|license|registration|vapid|jwt|crypt|cipher|salt)[_.\- ]?key|"
    r"(?:client|app|application|consumer|webhook|shared|signing|oauth|api|jwt|session|cookie|hmac|"
    r"bot|channel)[_.\- ]?secret|"
    r"secret[_.\- ]?(?:access[_.\- ]?)?key|secret[_.\- ]?key[_.\- ]?base|secret|token|credentials?|[_-]pat|"
    r"authorization|connection[_.\- ]?string|auth[_.\- ]?code|_auth)"
)
_SUFFIX = r"(?:s|[_\-.]?(?:value|prod|production|dev|stag(?:e|ing)|live|main|primary|secondary|v?\d{1,2}|eu|us))?"
_SIGN = r"""[\\"'\])]{0,4}\s{0,3}(?:: ?(?:str|String|string|SecretStr|Text) ?=|=>|:=|={1,3}|:|->)\s{0,4}"""
_OPEN = r"""\\{0,2}["'`]"""
_WORDS_SOMEWHERE, _KEY_SOMEWHERE = f"(?i){_WORDS}", f"(?i){_KEY}"
_UNLESS = (
    "page*", "next*", "continuation*", "csrf*", "xsrf*", "cursor*", "public*", "publishable*", "idempotency*", "cache*",
    "dedup*", "etag", "hash*", "sha1", "sha256", "sha512", "md5", "digest*", "checksum*", "sync*", "resume*", "anon*",
)  # fmt: skip

NAMED_RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "secret/password-quoted",
        "password",
        rf"""(?i){_WORDS}{_SUFFIX}{_SIGN}{_OPEN}([^"'`\\\n]{{4,}})""",
        0.9,
        group=1,
        trigger=_WORDS_SOMEWHERE,
        validate=password_value,
        keyed=True,
    ),
    Rule(
        "secret/password-plain",
        "password",
        rf"""(?i){_WORDS}{_SUFFIX}{_SIGN}([^\s"'`<>,;&|\\]{{4,}})""",
        0.85,
        group=1,
        trigger=_WORDS_SOMEWHERE,
        validate=plain_password,
        keyed=True,
    ),
    Rule(
        "secret/password-line",
        "password",
        rf"""(?i){_WORDS}{_SUFFIX}{_SIGN}([A-Za-z]{{4,}})[ \t]*(?:[\r\n;&]|$)""",
        0.7,
        group=1,
        trigger=_WORDS_SOMEWHERE,
        validate=password_value,
        keyed=True,
    ),
    Rule(
        "secret/password-prose",
        "password",
        rf"""(?i){_WORDS}(?:[ \t][^\n:=.!?]{{0,40}}?)?"""
        r"""[ \t](?:is|was|to|ist|lautet|est|es|è|é|jest|=|:)[: \t]{1,3}["'`“„«]?([^\s"'`“”«»]{5,})""",
        0.75,
        group=1,
        trigger=_WORDS_SOMEWHERE,
        validate=password_in_prose,
    ),
    Rule(
        "secret/password-xml",
        "password",
        rf"""(?i)<[\w:.-]{{0,24}}{_WORDS}{_SUFFIX}[^<>]{{0,40}}>([^<>\n]{{4,}})</""",
        0.9,
        group=1,
        trigger=_WORDS_SOMEWHERE,
        validate=password_value,
    ),
    Rule(
        "secret/password-attribute",
        "password",
        rf"""(?i)(?:key|name)=["'][\w:.-]{{0,24}}{_WORDS}{_SUFFIX}["']\s{{1,4}}value=["']([^"'\n]{{4,}})["']""",
        0.9,
        group=1,
        validate=password_value,
        trigger=_WORDS_SOMEWHERE,
    ),
    Rule(
        "secret/password-flag",
        "password",
        r"""(?:^|\s)(?:--?(?:password|passwd|pass|passphrase|pw|pwd|requirepass)[ =]|sshpass -p ?|"""
        r"""redis-cli (?:[^\n]{0,60}? )?-a |"""
        r"""mysql(?:dump|admin)? (?:[^\n]{0,60}? )?-p|docker login (?:[^\n]{0,60}? )?-p |"""
        r"""smbclient [^\n]{0,60}?%)["']?([^\s"'`]{4,})""",
        0.9,
        group=1,
        validate=password_value,
        trigger=r"-p|--?pa?ss|--?pw|--requirepass| -a ",
    ),
    Rule(
        "secret/user-flag",
        "password",
        r"""\b(?:curl|wget|http|https|xh)\b[^\n]{0,120}? (?:-u|--user|-a|--auth|--proxy-user)[ =]?"""
        r"""["']?[\w.@+-]{1,64}:([^\s"'`]{4,})""",
        0.9,
        group=1,
        validate=password_value,
        trigger=r" (?:-u|--user|-a|--auth|--proxy-user)[ =]?",
    ),
    Rule(
        "secret/netrc",
        "password",
        r"""\b(?:machine [\w.-]+|default)\s+login\s+\S+\s+password\s+(\S{4,})""",
        0.95,
        group=1,
        validate=password_value,
        trigger=r"login\s",
    ),
    Rule(
        "secret/key-quoted",
        "api_key",
        rf"""(?i){_KEY}{_SUFFIX}{_SIGN}{_OPEN}([^\s"'`\\]{{8,}})""",
        0.85,
        group=1,
        trigger=_KEY_SOMEWHERE,
        validate=key_value,
        unless=_UNLESS,
        keyed=True,
    ),
    Rule(
        "secret/key-plain",
        "api_key",
        rf"""(?i){_KEY}{_SUFFIX}{_SIGN}([^\s"'`<>,;&()\\]{{8,}})""",
        0.8,
        group=1,
        trigger=_KEY_SOMEWHERE,
        validate=key_value,
        unless=_UNLESS,
        keyed=True,
    ),
    Rule(
        "secret/key-prose",
        "api_key",
        rf"""(?i){_KEY}(?: \w+){{0,4}}? (?:is|was|are|ist|lautet|est|es|è|é)[: ]{{1,2}}"""
        r"""["'`]?([^\s"'`<>,;()\\]{12,})""",
        0.75,
        group=1,
        trigger=_KEY_SOMEWHERE,
        validate=token_value,
        unless=_UNLESS,
    ),
    Rule(
        "secret/key-flag",
        "api_key",
        r"""(?i)--(?:[a-z]+-)*(?:token|api-?key|secret|key|access-key|auth)[ =]["']?([^\s"'`<>]{10,})""",
        0.8,
        group=1,
        validate=token_value,
        trigger=r"--[a-z]",
    ),
    Rule(
        "secret/key-xml",
        "api_key",
        rf"""(?i)<[\w:.-]{{0,24}}{_KEY}{_SUFFIX}[^<>]{{0,40}}>([^<>\s]{{8,}})</""",
        0.85,
        group=1,
        trigger=_KEY_SOMEWHERE,
        validate=key_value,
    ),
    Rule(
        "secret/key-query",
        "api_key",
        r"""(?i)[?&](?:key|sig|signature|auth|access_token|token|api_?key|apikey|code|app_?key|appid|subscription-key)="""
        r"""([^&\s#"'<>]{16,})""",
        0.85,
        group=1,
        validate=token_value,
        trigger=r"(?i)[?&](?:key|sig|auth|access_token|token|api_?key|code|app|subscription-key)",
    ),
    Rule(
        "secret/bearer",
        "api_key",
        r"""(?i)\b(?:bearer|token|apikey|SSWS|GenieKey|PRIVATE-TOKEN:|"""
        r"""X-[A-Za-z-]{2,30}-(?:Key|Token|Secret):)[ \t]{1,3}"""
        r"""["']?([A-Za-z0-9._~+/=:-]{12,})""",
        0.85,
        group=1,
        validate=token_value,
        trigger=r"(?i)bearer|token|apikey|SSWS|GenieKey|PRIVATE-TOKEN|X-[A-Za-z-]+-(?:Key|Token|Secret):",
    ),
    Rule(
        "secret/basic",
        "password",
        r"""(?i)\bbasic[ \t]{1,3}["']?([A-Za-z0-9+/_-]{8,}={0,2})""",
        0.95,
        group=1,
        validate=basic_credentials,
        trigger=r"(?i)basic[ \t]",
    ),
)  # fmt: skip
