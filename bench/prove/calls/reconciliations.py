"""The lines of the area ``calls`` for invoices: planted differences that are named, and accounts that agree."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from deploy.local.engines.progress import Progress
from services.billing.exports import Charge
from services.billing.reconcile import Reason, Reconciliation, Spent, reconcile

AIMS = (
    Aim("reconcile_reasons_named", "%", at_least(90), at_least(98)),
    Aim("reconcile_lean_differences", "lines", at_most(0), at_most(0)),
)
_PLANTS: tuple[Reason, ...] = ("time_zone", "presumed", "price", "other_calls", "not_charged")
_FIRST = datetime(2026, 11, 2, tzinfo=UTC)
_DAYS = 10
_MODELS = ("gpt-5", "gpt-4o", "o3")
_DOLLAR = 1_000_000_000


class _World(NamedTuple):
    """What was booked, what is charged, and why they differ; ``where`` are the days and models of the plant."""

    spent: list[Spent]
    charges: list[Charge]
    reason: Reason
    where: frozenset[tuple[int, str]]
    offset_hours: int = 0


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Compare accounts with one planted difference each, and accounts that agree; ``quick``: fewer."""
    seeds = range(4 if quick else 100)
    progress(f"reconciliations: {len(seeds)} accounts for each reason")
    worlds = [_planted(random.Random(seed), reason) for reason in _PLANTS for seed in seeds]  # noqa: S311 - no secret
    named = sum(_is_named(world, reconcile(world.charges, world.spent, str)) for world in worlds)
    lean = [_world(random.Random(seed), "") for seed in seeds]  # noqa: S311 - no secret
    apart = sum(line.status != "matched" for one in lean for line in reconcile(one.charges, one.spent, str).lines)
    return [
        Line("reconcile_reasons_named", "%", (100 * named / len(worlds),), f"{named} of {len(worlds)}"),
        Line("reconcile_lean_differences", "lines", (float(apart),), f"{len(lean)} accounts that agree"),
    ]


def _is_named(world: _World, found: Reconciliation) -> bool:
    """Return whether each difference has its reason, and nothing else differs."""
    if found.offset_hours != world.offset_hours:
        return False
    apart = {((line.day - _FIRST.date()).days, line.model): line.reason for line in found.lines if line.reason}
    if world.reason == "time_zone":
        return bool(apart) and set(apart.values()) == {"time_zone"}
    return apart == dict.fromkeys(world.where, world.reason)


def _planted(chance: random.Random, reason: Reason) -> _World:
    if reason == "time_zone":
        return _world(chance, reason, chance.choice([zone for zone in range(-12, 13) if zone]))
    world = _world(chance, reason)
    day, model = chance.randrange(_DAYS), chance.choice(_MODELS)
    dollars = chance.randint(2, 40)
    if reason == "price":
        factor = Decimal(chance.choice(("0.5", "0.8", "0.9", "1.1", "1.25")))
        charges = [one._replace(amount=one.amount * factor) if one.model == model else one for one in world.charges]
        return world._replace(charges=charges, where=frozenset((at, model) for at in range(_DAYS)))
    if reason == "other_calls":
        return world._replace(charges=[*world.charges, _charge(day, model, dollars * _DOLLAR)], where=_one(day, model))
    presumed = dollars * _DOLLAR if reason == "presumed" else 0
    hour = _FIRST + timedelta(days=day, hours=chance.randrange(24))
    extra = Spent(int(hour.timestamp() * 1000), model, dollars * _DOLLAR, presumed)
    return world._replace(spent=[*world.spent, extra], where=_one(day, model))


def _world(chance: random.Random, reason: Reason, zone: int = 0) -> _World:
    """Return accounts that agree in a zone; each amount of the provider is rounded to a cent."""
    spent, charged = [], dict.fromkeys(((day, model) for day in range(_DAYS) for model in _MODELS), 0)
    for hour in range(-24, 24 * (_DAYS + 1)):
        for model in _MODELS:
            amount = chance.randint(_DOLLAR // 10, 3 * _DOLLAR)
            at = _FIRST + timedelta(hours=hour)
            spent.append(Spent(int(at.timestamp() * 1000), model, amount, 0))
            day = (hour + zone) // 24
            if (day, model) in charged:
                charged[day, model] += amount
    charges = [_charge(day, model, amount) for (day, model), amount in charged.items()]
    return _World(spent, charges, reason, frozenset(), zone)


def _charge(day: int, model: str, nano: int) -> Charge:
    return Charge((_FIRST + timedelta(days=day)).date(), model, Decimal(nano).scaleb(-7).quantize(Decimal(1)).scaleb(7))


def _one(day: int, model: str) -> frozenset[tuple[int, str]]:
    return frozenset({(day, model)})
