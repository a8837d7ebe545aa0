"""Values that stand where a secret would: placeholders, variables, examples of documentation, code, plain words."""

import re
from typing import Final

#: Words of four letters stand alone, since a long random text has them by chance.
_WORDS: Final = (
    r"example|sample|dummy|placeholder|redacted|masked|removed|hidden|censored|change[-_ ]?me|change[-_ ]this|"
    r"replace[-_ ]?me|replace[-_ ]with|\binsert[-_ ]|(?:\b|_)(?:todo|fake|mock)(?:\b|_)|fixme|foobar|"
    r"not[-_ ]?a[-_ ]?real|"
    r"your[-_ ]?(?:api|secret|token|key|password|access|client|project|account|webhook|service|actual)|"
    r"your[-_ ][a-z]+[-_]|"
    r"(?:my|some|test)[-_](?:api[-_]?)?(?:secret|token|key|password)|mysecret|mytoken|"
    r"(?:key|token|secret|password)[-_ ]?(?:goes[-_ ]?)?here|"
    r"(?:secret|api|access|auth)[-_](?:key|token)[-_]?(?:value|string|name)?$"
)
#: In any value. A run of one character, of a sequence, or of signs that nobody's generator makes.
_PLACEHOLDER: Final = re.compile(
    rf"(?i){_WORDS}|[x]{{4}}|\*{{3}}|\.{{3}}|…|•|[#?_]{{4}}|0{{8}}|1{{8}}|(?:-x){{3}}|"
    r"0123456789|1234567890|123456789|987654321|abcdefgh|hgfedcba|bcdefghi|qwertyui|deadbeef|c0ffee|a1b2c3d4|1a2b3c4d|"
    r"12345678-1234|11111111-|00000000-"
)
#: A value that a program or a template puts in later: ``${NAME}``, ``{{ name }}``, ``<name>``, ``%NAME%``, ``$(…)``.
_LATER: Final = re.compile(
    r"""^[\\"'`]*(?:\$\{|\$\(|\$[A-Z_][A-Z0-9_]*\b|\$[a-z_]+$|\{\{|\{%|"""
    r"""\{[A-Za-z_.]+\}|<[A-Za-z_ /-]+>?|&lt;|%\w+%|%\(|%[sdv]$|"""
    r"""\[[A-Za-z _-]+\]|@\{|@Microsoft\.|#\{|!(?:Ref|Sub|GetAtt|vault|secret|env)|env[.:(]|"""
    r"""secrets?[.:]|vault:|ref\+|"""
    r"""arn:|op://|keyring:|file:|projects/)"""
)
#: Code that fetches it: calls, attributes and indexes.
_CODE: Final = re.compile(
    r"^[A-Za-z_][\w.]*(?:\(|\[)|^(?:process|os|env|config|settings|self|this|args|options|params|request|req|ctx|data|"
    r"props|state|user|form|body|secrets|vars|var|local|module|credentials|app|cfg|conf|opts|event|input|values|Values)\.|"
    r"^[a-z]+[A-Z][A-Za-z]*\.[a-z]|->|::|\(\)|"
    r"^\w+\.\w*(?:password|passwd|pwd|secret|token|key|encode|decode|get|value)\w*$|^[a-z_]+(?:\.[a-z_]+){2,}$"
)
#: What ``crypt`` and its like make of a password.
_HASHED: Final = re.compile(
    r"^(?:\$(?:2[abxy]?|[156y]|argon2\w*|scrypt|pbkdf2[\w-]*|apr1)\$|\{S?SHA\d*\}|pbkdf2[:_]|scrypt:|sha\d+[:$])"
)
#: Words that a document or a schema has behind "password".
_PLAIN_TEXT: Final = (
    "true false null none nil undefined nan yes no on off string str text int integer number bool boolean bytes "
    "object array list dict any secretstr secretbytes type optional required missing invalid incorrect wrong "
    "expired empty blank unset default disabled enabled secret password passwd pass pwd token key value user "
    "username admin-only redacted hidden masked unknown unchanged reset change changed forgot forgotten update "
    "updated set not is are was must should can cannot will may the a an your my our their this that for and or of "
    "in to from with by at as on field prompt input output env environment variable var file path url uri id name "
    "hash hashed encrypted plaintext plain bearer basic digest oauth oauth2 jwt apikey header query cookie http "
    "https n/a na tbd read write self strong weak minimum maximum length characters manager managed policy "
    "authentication auth login protected prompted generated automatically here below above see contact ask sent "
    "stored created deleted copied accepted rejected ok failed failure error success valid verification validation "
    "confirmation confirm new old current temporary again retype repeat"
)
_PLAIN: Final = frozenset(_PLAIN_TEXT.split())
#: Passwords of examples in addresses of databases. They are the word itself, or stand for nothing.
_EXAMPLE_PASSWORDS_TEXT: Final = (
    "password passwd pass pwd passw0rd secret username user mypassword mypass mysecret yourpassword your_password "
    "db_password dbpassword pw userpass changeme example hidden host token my_password pass123word"
)
_EXAMPLE_PASSWORDS: Final = frozenset(_EXAMPLE_PASSWORDS_TEXT.split())


def placeholder(value: str) -> bool:
    """Return whether a value says that it stands for another one."""
    return _PLACEHOLDER.search(value) is not None or _LATER.match(value) is not None


def from_code(value: str) -> bool:
    """Return whether a value is an expression of a program, not a literal."""
    return _CODE.search(value) is not None


def hashed(value: str) -> bool:
    """Return whether a value is the stored form of a password, from which it cannot be read."""
    return _HASHED.match(value) is not None


def plain_word(value: str) -> bool:
    """Return whether a value is a word that documents and schemas have behind the name of a secret."""
    return value.strip(" .,;:!?\"'`()[]").lower() in _PLAIN


def example_password(value: str) -> bool:
    """Return whether the password of an address is one of examples."""
    return placeholder(value) or value.lower() in _EXAMPLE_PASSWORDS
