"""Lines of models that change in live traffic: named from 1% of the calls; equal ones never are.

Pairs go through the fold of the role ``quality``, chosen as workers choose them.
"""

import random
from collections.abc import Iterator, Sequence

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most, line_of
from deploy.local.engines.progress import Progress
from schemas.records.quality import REFERENCE_SCORER, AnswerScored, Compared, QualityDrifted
from services.observability.replay.divergence import ShadowShare, Watch
from streams.core.commands import Emit
from streams.core.memory import MemoryState
from streams.core.quality.fold import QualityFold

WITHIN, LATEST, EQUAL_RUNS = 300, 5_000, 10_000
SEEDS, QUICK_SEEDS = 2_000, 200
EQUAL_SEEDS, QUICK_EQUAL_SEEDS = 100, 10

#: A run makes four calls of one model, and two of another. How often answers of a changed model differ, of equal ones.
_CALLS = {"p/changed": 4, "p/steady": 2}
_CHANGED, _BY_CHANCE = 0.6, 0.0005
_WATCHES = {model: Watch(organisation="acme", model=model, reference=f"{model}-pinned", share=0.01) for model in _CALLS}

AIMS = (
    Aim("divergence_found_pct", "%", at_least(95), at_least(98)),
    Aim("divergence_false", "alarms", at_most(0), at_most(0)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Simulate live traffic of which 1% is asked again."""
    progress("observability: models that change in live traffic, seen in 1% of the calls")
    seeds, equal = (QUICK_SEEDS, QUICK_EQUAL_SEEDS) if quick else (SEEDS, EQUAL_SEEDS)
    found = [_named(seed) for seed in range(seeds)]
    false = sum(len(list(_alarms(_dice(-seed - 1), EQUAL_RUNS, EQUAL_RUNS))) for seed in range(equal))
    changed = (
        f"of {seeds} seeds within {WITHIN} runs of a change in the first {LATEST}; {_CHANGED:.0%} of answers differ"
    )
    unchanged = f"{equal} times {EQUAL_RUNS} runs, {_BY_CHANCE:.2%} differing"
    return [
        line_of(AIMS, "divergence_found_pct", 100 * sum(found) / seeds, changed),
        line_of(AIMS, "divergence_false", float(false), unchanged),
    ]


def _named(seed: int) -> bool:
    """Return whether the changed model, and no other, is named, and not before it changed."""
    dice = _dice(seed)
    since = dice.randrange(LATEST)
    alarms = [event.data for event in _alarms(dice, since + WITHIN, since)]
    return [one["value"] for one in alarms] == ["p/changed"] and int(alarms[0]["run_id"]) >= since


def _alarms(dice: random.Random, runs: int, since: int) -> Iterator[QualityDrifted]:
    """Yield the events of a stream of runs whose model changes with the run ``since``."""
    fold, state = QualityFold(), MemoryState()
    shares = {model: ShadowShare(watch.share, dice.getrandbits(32)) for model, watch in _WATCHES.items()}
    for run in range(runs):
        for model, calls in _CALLS.items():
            for call in range(calls):
                if shares[model].takes():
                    differs = dice.random() < (_CHANGED if run >= since and model == "p/changed" else _BY_CHANCE)
                    commands = fold.fold(state, _pair(model, run, call, differs=differs), run, run)
                    for one in commands:
                        if isinstance(one, Emit) and isinstance(one.record, QualityDrifted):
                            yield one.record


def _pair(model: str, run: int, call: int, *, differs: bool) -> AnswerScored:
    watch = _WATCHES[model]
    return AnswerScored(
        org_id=watch.organisation,
        prompt="summary",
        version=1,
        workflow_name="flow",
        model=model,
        scorer=REFERENCE_SCORER,
        score=0.0 if differs else 1.0,
        call=f"{run}:{model}:{call}",
        run_id=str(run),
        step_id="ask",
        scored_at_ms=run + 1,
        compared=Compared(reference=watch.reference, differs_most=watch.differs_most, alpha=watch.alpha),
    )


def _dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a simulation
