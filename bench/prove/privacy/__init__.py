"""Area ``privacy``: personal data and secrets. A new module here with ``AIMS`` and ``measure`` is a part of it."""

from bench.prove.parts import area_of_parts, found_parts
from bench.prove.privacy.aims import all_aims

AREA = area_of_parts(
    "privacy",
    "personal data and secrets: sanitised, detected, redacted, restored for allowed readers, erased",
    found_parts(__name__, __path__),
    all_aims(),
)
