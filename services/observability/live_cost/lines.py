"""Influx' line protocol, as Grafana Live reads it: one line a spender and second.

``agentflow_cost,model=m,org=o,provider=p,workflow=w held_usd=0.002,settled_usd=0.00135 1764403200000000000``

The protocol has no escape for line breaks, and none for a backslash, which escapes what follows it; both are replaced.
A tag without a value is left out. Amounts are exact decimals of US dollars.
"""

import re
from collections.abc import Iterable

from schemas.money import usd
from services.observability.live_cost.sums import Row

MEASUREMENT = "agentflow_cost"
_SPECIAL = re.compile(r"([,= ])")
_UNSAYABLE = re.compile(r"[\x00-\x1f\x7f\\]")
_NS_PER_MS = 1_000_000


def lines_of(rows: Iterable[Row], at_ms: int) -> list[str]:
    """Return the lines of a second that ended at a time."""
    return [line_of(row, at_ms) for row in rows]


def line_of(row: Row, at_ms: int) -> str:
    """Return a row's line, without its end. Tags are in the order of their names, as the protocol advises."""
    tags = sorted(row.spender._asdict().items())
    named = "".join(f",{name}={_escaped(value)}" for name, value in tags if value)
    return (
        f"{MEASUREMENT}{named} held_usd={usd(row.held_nano)},settled_usd={usd(row.settled_nano)} {at_ms * _NS_PER_MS}"
    )


def _escaped(value: str) -> str:
    return _SPECIAL.sub(r"\\\1", _UNSAYABLE.sub("_", value))
