"""Lines of the area ``flow`` for policies: what a ruling costs, changed rules of packs, faults that deny."""

from collections.abc import Sequence

from bench.lines import Line
from bench.policies.faults import faults, passes
from bench.policies.mutants import is_found, mutants, own_rules, packs
from bench.policies.speed import default_pack, hostile_s, mail, rulings_us, ten_rules
from bench.prove.area import Aim, at_least, at_most, line_of
from deploy.local.engines.progress import Progress

AIMS = (
    Aim("policy_ruling_us", "us", at_most(250), at_most(100)),
    Aim("policy_default_pack_us", "us", at_most(500), at_most(250)),
    Aim("policy_hostile_s", "s", at_most(5), at_most(2)),
    Aim("policy_mutants_found", "%", at_least(100), at_least(100)),
    Aim("policy_faults_passed", "passes", at_most(0), at_most(0)),
)
_TIMES, _QUICK_TIMES, _ROUNDS = 2_000, 200, 5


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Decide again and again, change rules, and try faults. It needs no engines."""
    progress("policies: rulings, changed rules, faults")
    times = _QUICK_TIMES if quick else _TIMES
    ten, pack, facts = ten_rules(), default_pack(), mail()
    changed = [(f"{name} {policy.rules[at].id}: {change}", is_found(mutant)) for name, policy in packs().items()
               for at in own_rules(policy) for change, mutant in mutants(policy, at)]  # fmt: skip
    missed = [name for name, found in changed if not found]
    hostile = hostile_s()
    worst = max(hostile, key=lambda one: hostile[one])
    passed = passes()
    return [
        Line(
            "policy_ruling_us",
            "us",
            tuple(rulings_us(ten, facts, times) for _ in range(_ROUNDS)),
            "10 rules, 4 arguments",
        ),
        Line(
            "policy_default_pack_us",
            "us",
            tuple(rulings_us(pack, facts, times) for _ in range(_ROUNDS)),
            "the whole pack, links of 1 KB of content included",
        ),
        line_of(AIMS, "policy_hostile_s", hostile[worst], f"the worst of {len(hostile)}: {worst}"),
        line_of(
            AIMS,
            "policy_mutants_found",
            100 * (1 - len(missed) / len(changed)),
            f"of {len(changed)} changed rules of packs{f'; missed: {missed[:3]}' if missed else ''}",
        ),
        line_of(
            AIMS, "policy_faults_passed", len(passed), f"of {faults()} faults{f': {passed[:3]}' if passed else ''}"
        ),
    ]
