"""Every kind of finding, with its data class: the words of policies, tokens and reports.

The data class is a label of ``schemas.labels``. An organisation's own rules may have kinds of their own, of the class
that their policy names.
"""

from typing import Final, NamedTuple


class Kind(NamedTuple):
    """A kind. ``code`` is how tokens show it: two to four capital letters, unique."""

    name: str
    data_class: str
    code: str
    title: str


_PERSONAL = (
    Kind("email", "pii", "EML", "e-mail address"),
    Kind("phone", "pii", "TEL", "phone number"),
    Kind("card", "card", "CRD", "payment card number"),
    Kind("iban", "pii", "IBN", "IBAN"),
    Kind("bank_account", "pii", "ACC", "bank account or routing number"),
    Kind("ssn", "pii", "SSN", "US social security number"),
    Kind("national_id", "pii", "NID", "national identity or tax number"),
    Kind("passport", "pii", "PAS", "passport number"),
    Kind("driver_license", "pii", "DRV", "driving licence number"),
    Kind("ip", "pii", "IPA", "IP address"),
    Kind("mac", "pii", "MAC", "hardware address"),
    Kind("url", "pii", "URL", "URL or domain name"),
    Kind("date_of_birth", "pii", "DOB", "date of birth"),
    Kind("address", "pii", "ADR", "postal address"),
    Kind("name", "pii", "NAM", "name of a person"),
)
_SECRET = (
    Kind("api_key", "secret", "KEY", "key of a provider or service"),
    Kind("password", "secret", "PWD", "password"),
    Kind("jwt", "secret", "JWT", "JSON web token"),
    Kind("private_key", "secret", "PRV", "private key"),
    Kind("connection_string", "secret", "DSN", "connection string with credentials"),
    Kind("entropy", "secret", "RND", "random text beside a word such as 'secret'"),
)
_INFLUENCE = (
    Kind("injection", "injection", "INJ", "instructions to a model in data"),
    Kind("exfiltration", "exfiltration", "EXF", "link that carries data away"),
    Kind("invisible", "injection", "INV", "invisible text"),
)

KINDS: Final[dict[str, Kind]] = {one.name: one for one in (*_PERSONAL, *_SECRET, *_INFLUENCE)}
#: What can be taken out of a text and put back. The others are influence, which is flagged or refused.
REDACTED_KINDS: Final[tuple[str, ...]] = tuple(one.name for one in (*_PERSONAL, *_SECRET))


def data_class_of(kind: str) -> str:
    """Return the data class of a kind; ``pii`` for one that is not listed, the class of organisations' own rules."""
    known = KINDS.get(kind)
    return "pii" if known is None else known.data_class
