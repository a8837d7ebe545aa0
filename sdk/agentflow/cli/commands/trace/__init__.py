"""``agentctl trace``. One module a command; each is imported when it is called."""

from agentflow.cli.lazy import Entry, LazyGroup

ENTRIES = {
    "get": Entry("trace.get", "Show what a run did, span by span, or as a timeline."),
    "query": Entry("trace.query", "Find traces by what they were; add them up."),
    "outliers": Entry("trace.outliers", "List runs that are far slower or dearer than others of their workflow."),
    "sessions": Entry("trace.sessions", "List threads of runs, or the runs of one."),
    "users": Entry("trace.users", "List users by what their runs cost."),
    "diff": Entry("trace.diff", "Compare two runs, or the runs before and after a time."),
    "why": Entry("trace.why", "Say why a run failed, or what failed runs share."),
    "import": Entry("trace.importing", "Store spans of other programs from a file of OTLP."),
    "replay": Entry("trace.replay", "Replay a run from its records, without calls and without cost."),
}
command = LazyGroup(name="trace", entries=ENTRIES, help="Read what a run did, and when.", no_args_is_help=True)
