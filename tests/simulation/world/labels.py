"""Runs whose data has labels. Each label that comes from somewhere names it by its origin, so a drop of one is seen.

Of the runs of a world, one has inputs of the web and begins with a result of another run that has labels, one with a
result that has none, and the others' inputs are trusted.
"""

from msgspec import structs

from schemas.payload import Inline, inline
from schemas.records.run_events import Reused, RunSubmitted
from schemas.records.security.pinned import RunSecurity, ToolSecurity
from schemas.records.steps import StepRequest
from schemas.spec.rules_version import LABELS
from tests.simulation.world.workflows import FAST, OPTIONAL, TIMED
from tests.support.families import family, flow, runs
from tests.support.runs import assistant, function, loop, resolved, signal, switch

#: What a world's functions and tools bring in, by name. ``clean`` vouches for what it gives.
SOURCES = {
    "function:search": ToolSecurity(source=["web", "from:search"]),
    "function:table": ToolSecurity(source=["trusted", "from:table"]),
    "t": ToolSecurity(source=["trusted", "from:t"]),
    "u": ToolSecurity(source=["web", "from:u"]),
}
#: The nodes of whose outputs their worker says something more, as a cache does of a stored answer.
SAYS = frozenset({"c", "k"})
SAID = "said"

_CHOICES = resolved(
    function("a", FAST),
    *(
        function("web", FAST, function_name="search", inputs={"q": "a.output"}),
        function("own", TIMED, function_name="table"),
    ),
    switch("s", ("web.output > 7", "x"), default="y"),
    *(function("x", FAST, inputs={}), function("y", OPTIONAL, inputs={"o": "own.output"})),
    function("z", FAST, join="all_done", inputs={"x": "x.output", "y": ["y.output"]}),
    function(
        "m", FAST, parallel=True, items=["own.output", "web.output"], inputs={"v": "{{item}}"}, on_child_error="collect"
    ),
    *(function("c", TIMED, inputs={"all": "m.output", "q": "{{q}}"}), function("d", FAST), function("e", FAST)),
    edges="a>web a>own web>s own>s s>x s>y x>z y>z web>m own>m m>c c>d d>e",
)
_OTHERS = resolved(
    function("a", FAST),
    function("own", FAST, function_name="table", inputs={}),
    signal("b", "b", timeout_ms=4_000, default="late"),
    assistant("g", TIMED, inputs={"word": "own.output"}),
    runs("r", "kid", TIMED, inputs={"v": "a.output", "w": "own.output"}),
    loop(
        "l",
        function("draft", FAST, inputs={"of": "own.output", "before": "loop.previous"}),
        function("judge", FAST, function_name="search", inputs={"text": "draft.output"}),
        edges="draft>judge",
        until="loop.output > 9",
        on_exhausted="last",
    ),
    function("z", FAST, join="all_done", inputs={"b": "b.output", "g": "g.output", "r": "r.output", "l": "l.outputs"}),
    edges="own>g a>r own>r own>l b>z g>z r>z l>z",
    family=family(
        flow("kid", function("k", FAST, inputs={"v": "{{v}}"}), function("i", FAST, inputs={"w": "{{w}}"}), edges="k>i")
    ),
)


def labelled(run: RunSubmitted, number: int, *, chains: bool) -> RunSubmitted:
    """Return a submission with security."""
    inputs = {"$": ["web", "from:in"]} if number % 2 == 0 else {"$": ["trusted"]}
    spec = _CHOICES if chains == (number < 2) else _OTHERS
    changes = {"spec": spec, "inputs": {"q": number}, "rules_version": LABELS}
    if number in (1, 2):
        kept = Inline(value=3, labels={"$": ["web", "from:kept"]}) if number == 1 else inline(3)
        changes |= {"source": "fork:elsewhere", "reuse": {"a": Reused(output=kept)}}
    security = RunSecurity(policy="p@1", policy_hash="h", inputs=inputs, tools=SOURCES)
    return structs.replace(run, security=security, **changes)


def said(request: StepRequest, output: int) -> Inline:
    """Return what a worker gives: with a label of its own for some nodes."""
    if request.security is None or request.node_id not in SAYS:
        return inline(output)
    return Inline(value=output, labels={"$": ["user", f"from:{SAID}"]})
