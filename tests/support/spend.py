"""The spend of an organisation as its entity in the table ``budgets`` has it."""

from collections.abc import Mapping

from schemas.budgets import SHARED_PERIODS


def spend_amounts(entries: Mapping[bytes, bytes]) -> dict[str, int]:
    """Return the amounts by spend field; counters, definitions and reports of budgets are left out."""
    named = {name.decode(): value for name, value in entries.items()}
    return {name: int(value) for name, value in named.items() if name.partition("|")[2].startswith(SHARED_PERIODS)}
