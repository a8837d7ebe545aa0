"""Policies in files, and what replays of them show."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from agentflow.cli.columns import Column
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.units import usd

_NANO = Decimal(1_000_000_000)


def _interval(found: Any) -> str:
    if not found:
        return "unknown"
    return f"{found['value']:.4g} ({found['low']:.4g} to {found['high']:.4g}; of {found['known']:.0%} of calls)"


def _reasons(found: Any) -> str:
    return ", ".join(f"{count} by {name}" for name, count in sorted(found.items()))


LANES = (
    Column("LANE", "lane"),
    Column("COST", "cost_usd", usd, right=True),
    Column("CALLS", "calls", right=True),
    Column("CACHED", "cached", right=True),
    Column("REFUSED", "refused", right=True),
    Column("NOT MADE", "not_made", right=True),
    Column("LATENCY MS", "latency_ms", _interval),
    Column("QUALITY", "quality", _interval),
    Column("REFUSED BY", "refused_by", _reasons, wide=True),
)


def read_policy(file: str) -> Any:
    """Return the policy of a YAML or JSON file. Raises ``CliError``."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise CliError(f"{file} cannot be read: {exc}", "name a file with a policy", USAGE) from exc
    try:
        found = json.loads(text)
    except ValueError:
        found = _yaml(file, text)
    if not isinstance(found, dict):
        raise CliError(f"{file} has no policy", "write fields such as routes, prices, budgets", USAGE)
    return found


def lanes_of(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the lanes as rows: the baseline, then the candidate."""
    return [{"lane": name, **report[name]} for name in ("baseline", "candidate")]


def summary(report: Mapping[str, Any]) -> list[str]:
    """Return what differs, and what that rests on, as lines."""
    found = report["coverage"]
    low, high = (usd(Decimal(nano) / _NANO) or "$0" for nano in report["cost_interval_nano"])
    shares = ", ".join(f"{found[name]:.0%} {name}" for name in ("unchanged", "evidence", "unknown"))
    off, missed = report["baseline_off_nano"], found["not_reproduced"]
    return [
        f"cost: {_signed(report['cost_difference_nano'])} ({low} to {high})",
        f"latency: {_interval(report['latency_difference_ms'])} ms; quality: {_interval(report['quality_difference'])}",
        f"coverage: {found['calls']} calls of {found['runs']} runs; {shares}; {found['unpriced']} unpriced",
        f"baseline: {off} nano-dollars off the record, {missed} calls not reproduced",
    ]


def _signed(nano: int) -> str:
    shown = usd(Decimal(abs(nano)) / _NANO) or "$0"
    return f"-{shown}" if nano < 0 else shown


def _yaml(file: str, text: str) -> Any:
    try:
        import yaml
    except ImportError as exc:
        raise CliError(f"{file} is not JSON", "write JSON, or pip install 'agentflow[cli]' for YAML", USAGE) from exc
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise CliError(f"{file} is neither JSON nor YAML: {exc}", "correct it", USAGE) from exc
