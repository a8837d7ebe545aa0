"""Days by organisation, as settings have them."""


def read_days(text: str) -> dict[str, int]:
    """Return days by organisation from ``acme=7,other=365``. Raises ``ValueError`` that says what is wrong."""
    found: dict[str, int] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        org, _, days = pair.partition("=")
        if not org or not days.isascii() or not days.isdigit() or int(days) < 1:
            raise ValueError(f"{pair!r} is not an organisation and a number of days; write acme=7,other=365")
        found[org] = int(days)
    return found
