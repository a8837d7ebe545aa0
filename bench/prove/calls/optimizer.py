"""The optimizer's lines of the area ``calls``: planted wastes that it names, and lean logs of which it says nothing."""

from collections.abc import Sequence

from bench.lines import Line
from bench.planted import MODELS, World, saved_by, worlds
from bench.prove.area import Aim, at_least, at_most
from connectors.prices.book import PriceBook
from deploy.local.engines.progress import Progress
from services.caching.policy import DEFAULT_TTLS
from services.optimizer.optimizer import suggest
from services.optimizer.suggestion import Suggestion

AIMS = (
    Aim("optimizer_wastes_named", "%", at_least(90), at_least(100)),
    Aim("optimizer_saving_off_truth", "%", at_most(20), at_most(10)),
    Aim("optimizer_named_on_lean", "suggestions", at_most(0), at_most(0)),
)
#: A planted dear model may be named by either rule.
_NAMES = {"switch": ("switch", "downgrade"), "marks": ("trim",)}


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Let the optimizer look at every world, alone; ``quick``: at every third one."""
    prices = PriceBook.load()
    every = [world for number, world in enumerate(worlds(prices)) if not quick or number % 3 == 0]
    progress(f"optimizer: {len(every)} worlds, with a planted waste or lean")
    judged = [(world, _named(prices, world)) for world in every]
    planted = [(world, one) for world, one in judged if world.kind is not None]
    named = [(world, one) for world, one in planted if one is not None]
    off = [_off(prices, world, one) for world, one in named if one.saving.amount_nano]
    lean = sum(one is not None for world, one in judged if world.kind is None)
    return [
        Line("optimizer_wastes_named", "%", (100 * len(named) / len(planted),), f"{len(named)} of {len(planted)}"),
        Line("optimizer_saving_off_truth", "%", (100 * max(off),), "the worst; truth is the next week, replayed"),
        Line("optimizer_named_on_lean", "suggestions", (float(lean),), f"{len(judged) - len(planted)} lean logs"),
    ]


def _named(prices: PriceBook, world: World) -> Suggestion | None:
    """Return the suggestion that names a world's waste; of a lean one any."""
    found = suggest([world.week], MODELS, prices, DEFAULT_TTLS)
    if world.kind is None:
        return next(iter(found), None)
    return next((one for one in found if one.kind in _NAMES.get(world.kind or "", (world.kind,))), None)


def _off(prices: PriceBook, world: World, one: Suggestion) -> float:
    """Return by which share a saving differs from what the next week shows."""
    change = one.change or {}
    truth = saved_by(prices, world, change["provider"], change["model"]) if "model" in change else world.truth_nano
    return abs(one.saving.amount_nano / truth - 1)
