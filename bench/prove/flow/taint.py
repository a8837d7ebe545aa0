"""Lines of labels in runs: two runs of a random DAG whose web differs, and whether all that differs is labelled so."""

from collections.abc import Sequence

from bench.flow.dags import random_workflow
from bench.flow.differences import untold
from bench.flow.play import play
from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from deploy.local.engines.progress import Progress

DAGS, QUICK_DAGS = 10_000, 150

AIMS = (
    Aim("taint_dags_untold", "DAGs", at_most(0), at_most(0)),
    Aim("taint_dags_differing", "%", at_least(50)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play random DAGs of all kinds of nodes twice, with maps, switches, loops, agents, failures and child runs."""
    dags = QUICK_DAGS if quick else DAGS
    progress(f"flow: {dags} DAGs in two worlds, and what differs between them")
    wrong, differing, calls = 0, 0, 0
    first = ""
    for seed in range(dags):
        resolved = random_workflow(seed, hasty=False)
        one, other = play(resolved, "a"), play(resolved, "b")
        calls += len(one.calls)
        differing += [call.args for call in one.calls] != [call.args for call in other.calls]
        found = next(untold(one, other), None)
        if found is not None:
            wrong, first = wrong + 1, first or f"; first in {seed}: {found}"
    note = f"of {dags}, {calls} steps; joins of `any` are left out, since they depend on time{first}"
    return [
        Line("taint_dags_untold", "DAGs", (float(wrong),), note),
        Line("taint_dags_differing", "%", (100 * differing / dags,), "in which the web changes what steps get"),
    ]
