r"""All rules for secrets.

A shape stands between characters that are no part of a key; ``\n`` and its like may be written out before it, as in
JSON. Values that say that they are placeholders are no secrets, wherever they stand.
"""

import re
from collections.abc import Callable
from typing import Final

from services.privacy.detect.rules import Rule
from services.privacy.detect.secrets.blocks import BLOCK_RULES
from services.privacy.detect.secrets.connections import CONNECTION_RULES
from services.privacy.detect.secrets.lookalikes import placeholder
from services.privacy.detect.secrets.named import NAMED_RULES
from services.privacy.detect.secrets.shapes.clouds import CLOUDS
from services.privacy.detect.secrets.shapes.code import CODE
from services.privacy.detect.secrets.shapes.data import DATA, WATCHING
from services.privacy.detect.secrets.shapes.messages import MESSAGES
from services.privacy.detect.secrets.shapes.models import MODELS
from services.privacy.detect.secrets.shapes.money import MONEY
from services.privacy.detect.secrets.shapes.shape import Check, Shape
from services.privacy.detect.secrets.shapes.unmarked import UNMARKED, UNMARKED_TRIGGER
from services.privacy.detect.secrets.values import aws_secret, random_hex, random_text

MARKED: Final[tuple[Shape, ...]] = (*MODELS, *CLOUDS, *CODE, *DATA, *MONEY, *MESSAGES, *WATCHING)
SHAPES: Final[tuple[Shape, ...]] = (*MARKED, *UNMARKED)

_NAMES: Final = (
    "secret*", "token*", "password*", "passwort*", "passphrase*", "credential*", "api key*", "apikey*", "api_key*",
    "api-key*", "access_key*", "access key*", "bearer", "auth", "authorization",
)  # fmt: skip
_HASHES: Final = (
    "sha*", "md5*", "hash*", "checksum*", "digest*", "commit*", "revision*", "rev", "etag*", "integrity",
    "fingerprint*", "blob", "tree", "base64*", "crc*", "uuid*", "guid*", "public*", "publishable*", "cache*", "object*",
    "parent*", "ssh-rsa", "ssh-ed25519", "trace*", "span*", "request*", "page*", "next*", "cursor*", "csrf*",
    "idempotency*", "build*", "version*", "image*", "layer*", "signature*", "merge*", "id", "thumbprint*", "nonce*",
)  # fmt: skip


def _shape_rule(shape: Shape) -> Rule:
    return Rule(
        f"secret/{shape.name}",
        "api_key",
        rf"(?:\b|\\[nrt])({shape.pattern})(?:[^A-Za-z0-9_-]|$)",
        shape.sure,
        group=1,
        validate=_real(shape.check),
        near=shape.near,
        trigger=shape.pattern,
    )


#: A long text without a space, in which shapes without a mark are looked for.
_LONG: Final = r"(?:\\[nrt])?([A-Za-z0-9_+/=.:~$|-]{24,})"


def _unmarked_rule(shape: Shape) -> Rule:
    found = re.compile(rf"(?<![A-Za-z0-9_-])(?:{shape.pattern})(?![A-Za-z0-9_-])", re.ASCII)

    def narrow(text: str) -> tuple[int, int] | None:
        place = found.search(text) if len(text) <= _LONGEST else None
        return None if place is None else place.span()

    return Rule(
        f"secret/{shape.name}",
        "api_key",
        _LONG,
        shape.sure,
        group=1,
        validate=_real(shape.check),
        near=shape.near,
        narrow=narrow,
        trigger=UNMARKED_TRIGGER,
    )


#: A longer one is a file in Base64.
_LONGEST: Final = 2_000


def _real(check: Check | None) -> Callable[[str], bool]:
    def real(value: str) -> bool:
        return not placeholder(value) and (check is None or check(value))

    return real


#: What is random is looked for only in texts that have such a word.
_BESIDE_TRIGGER: Final = r"(?i)secret|token|passw|passphrase|credential|api[ _-]?key|access[ _-]key|bearer|auth|\bkey"
_BESIDE: Final = (
    Rule(
        "secret/aws-secret-access-key",
        "api_key",
        r"(?:^|[^A-Za-z0-9/+=])([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)",
        0.9,
        group=1,
        trigger=r"(?i)akia|asia|aws|secret[ _]?access",
        validate=aws_secret,
        near=("akia*", "asia*", "aws*", "secret_access_key*", "secretaccesskey*", "secret access key*"),
        unless=_HASHES,
    ),
    Rule(
        "secret/random",
        "entropy",
        r"(?:^|[^A-Za-z0-9_+/=$-])([A-Za-z0-9_+/-]{20,}={0,2})",
        0.6,
        group=1,
        trigger=_BESIDE_TRIGGER,
        validate=random_text,
        near=_NAMES,
        unless=_HASHES,
    ),
    Rule(
        "secret/random-hex",
        "entropy",
        r"""(?i)(?:secret|token|api.?key|password|credential)s?["'`:=,]*\s(?:\w+[\s:]+){0,5}?["'`(]?([a-f0-9]{32,64})\b""",
        0.55,
        group=1,
        trigger=_BESIDE_TRIGGER,
        validate=random_hex,
        unless=_HASHES,
    ),
    Rule(
        "secret/random-key",
        "entropy",
        r"""(?i)\bkey["'`]?\s{0,2}(?:is|was|=|:)\s{0,2}["'`]?([A-Za-z0-9_+/=.-]{24,})""",
        0.55,
        group=1,
        trigger=_BESIDE_TRIGGER,
        validate=random_text,
        unless=_HASHES,
    ),
)  # fmt: skip

SECRET_RULES: Final[tuple[Rule, ...]] = (
    *(_shape_rule(shape) for shape in MARKED),
    *(_unmarked_rule(shape) for shape in UNMARKED),
    *BLOCK_RULES,
    *CONNECTION_RULES,
    *NAMED_RULES,
    *_BESIDE,
)
