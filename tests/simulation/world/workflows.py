"""The workflows whose runs are played: every kind of node, join and limit, and runs of other workflows."""

from tests.support.families import family, flow, runs
from tests.support.runs import assistant, function, limited, loop, resolved, signal, switch, wait

MINUTE_MS = 60_000
FAST = {"retries": {"max_attempts": 3, "initial_ms": 200}}
TIMED = FAST | {"timeout_ms": 1_000}
OPTIONAL = {"retries": {"max_attempts": 1}, "optional": True}
SPECS = (
    resolved(function("a", FAST), function("b", TIMED), edges="a>b"),
    resolved(function("a", TIMED), function("b", FAST), function("c", FAST), edges="a>b b>c"),
    resolved(function("a"), function("b", FAST), function("c", TIMED), function("d"), edges="a>b a>c b>d c>d"),
    resolved(function("a", FAST), wait("b", 3_000), function("c", FAST), edges="a>b b>c"),
    resolved(
        *(function("a", OPTIONAL), function("b", FAST), function("c", TIMED, join="any")),
        function("d", FAST, join="all_done", inputs={"a": "a.output", "b": "b.output"}),
        edges="a>c b>c a>d c>d",
    ),
    resolved(
        *(function("a", FAST), switch("s", ("a.output > 9", "b"), ("a.output > 4", ["b", "c"]), default="c")),
        *(function("b", TIMED), function("c", OPTIONAL), function("d", FAST)),
        edges="a>s s>b s>c b>d c>d",
    ),
    resolved(
        *(function("a", OPTIONAL), function("b", FAST, condition="a.output == null || a.output > 6", join="all_done")),
        *(function("c", FAST, join="all"), function("d", TIMED, join="all_done", condition="c.output == null")),
        edges="a>b b>c c>d",
    ),
    resolved(
        function("a", FAST),
        function("b", TIMED),
        function("u", FAST, inputs={"of": "a.output"}),
        function("v", TIMED),
        edges="a>b u>v",
        on_failure="u",
        on_cancel="u",
    ),
    resolved(function("a", FAST), signal("b", "b", timeout_ms=4_000, default="late"), function("c"), edges="a>b b>c"),
    resolved(
        *(signal("b", "b"), signal("b2", "b", timeout_ms=10_000, default="late"), function("c", FAST)),
        edges="b>b2 b2>c",
    ),
    # It always takes longer than it may.
    limited(
        *(function("a", FAST), wait("b", 120 * MINUTE_MS), function("c", FAST), function("undo", FAST)),
        edges="a>b b>c",
        on_failure=["undo"],
        deadline_ms=30 * MINUTE_MS,
    ),
)

#: Runs of an agent, of maps, of loops, with limits and of other runs, each in one of ten worlds: no draw decides that,
#: so that the other five play as they did before.
AGENT = resolved(
    function("a", FAST), assistant("b", TIMED, inputs={"word": "a.output"}), function("c"), edges="a>b b>c"
)
MAPS = resolved(
    function("a", FAST),
    function("b", FAST, parallel=True, items=[1, 2, 3], max_parallel=2, on_child_error="skip"),
    function("c", TIMED, parallel=True, max_parallel=1, on_child_error="collect"),
    function("d", FAST, inputs={"all": "c.output", "first": "b.output.0"}),
    edges="a>b b>c c>d",
)
LIMITED = limited(
    function("a", FAST),
    function("b", TIMED | {"priority": 5}),
    function("c", OPTIONAL | {"priority": -1}, parallel=True, items=[1, 2, 3], on_child_error="collect"),
    function("d", FAST | {"priority": 1}, join="any"),
    function("e", FAST, join="all_done", inputs={"all": "c.output"}),
    assistant("g", TIMED, inputs={"word": "x"}),
    function("undo", FAST),
    edges="a>d b>d c>e d>e g>e",
    on_failure=["undo"],
    max_parallel=2,
    deadline_ms=30 * MINUTE_MS,
)
#: Runs that start runs: one after the other, several of a list, and one that nobody waits for.
KIN = resolved(
    function("a", FAST),
    runs("b", "kid", FAST, inputs={"v": "a.output"}),
    runs(
        "m", "leaf", TIMED, inputs={"v": "{{item}}"}, parallel=True, items=[1, 2], max_parallel=1, on_child_error="skip"
    ),
    runs("free", "leaf", inputs={"v": 0}, detach=True),
    function("z", FAST, inputs={"one": "b.output", "all": "m.output"}),
    edges="a>b b>z m>z",
    family=family(
        flow("kid", function("k", TIMED), runs("in", "leaf", inputs={}), edges="k>in"), flow("leaf", function("l"))
    ),
)
#: A loop until something is good enough, with an optional step inside, beside an optional one that may not end in time.
LOOPS = resolved(
    function("a", FAST),
    loop(
        "r",
        function("draft", TIMED, inputs={"of": "a.output", "before": "loop.previous", "number": "loop.iteration"}),
        function("side", OPTIONAL, inputs={"n": "loop.iteration"}, condition="loop.iteration != 2"),
        function("judge", FAST, join="all_done", inputs={"text": "draft.output", "side": "side.output"}),
        edges="draft>judge side>judge",
        until="loop.output > 9",
        max_iterations=4,
        on_exhausted="last",
    ),
    loop(
        "w",
        *(function("t", FAST, inputs={"n": "loop.iteration"}), wait("p", 500)),
        edges="t>p",
        output="t.output",
        max_iterations=2,
        policy={"optional": True},
        **{"while": "loop.output == null || loop.output < 9"},
    ),
    function("z", FAST, join="all_done", inputs={"last": "r.output", "all": "r.outputs", "others": "w.outputs"}),
    edges="a>r r>z w>z",
)
#: The last digits of their seeds.
ONLY = {1: KIN, 3: MAPS, 7: AGENT, 8: LOOPS, 9: LIMITED}
#: Likewise of those in which runs wait for their turn, nearly all of them.
WITH_TURNS = (4, 5)
#: And of those in which the fold fails on a run for a while.
WITH_POISON = 2
#: Of every twenty seeds, the one in which the store of budgets fails over to older replicas again and again.
WITH_FAILOVERS = 13
#: Of twenty seeds: worlds whose organisation has budgets, which are defined, changed and removed meanwhile.
WITH_BUDGETS = (6, 19)
#: In one of twenty worlds a prompt is rolled out.
WITH_ROLLOUTS = 12
#: In one of twenty worlds runs have arms of a rollout.
WITH_ARMS = 10
#: In one of forty worlds steps ask people before they work.
WITH_ASKS = 38
#: In two of twenty worlds, one with chains, the data of runs has labels.
WITH_LABELS = (15, 16)
#: In one of twenty worlds live answers are scored.
WITH_SCORES = 0
#: In one of twenty worlds, which has turns but no limits, runs pass gates of flow control.
WITH_FLOW = 14
#: In two of eighty worlds, one with chains, runs have data subjects.
WITH_SUBJECTS = (48, 67)
#: In one of twenty worlds audit events are chained.
WITH_AUDIT = 17
