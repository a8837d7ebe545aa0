"""Which traces or spans are wanted, as conditions on the table ``spans_by_time``."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from connectors.clickhouse.client import Parameters
from connectors.clickhouse.traces import IN_SCOPE, SpanScope
from schemas.run_states import RunEnd

Level = Literal["trace", "span"]
Sort = Literal["start", "cost", "duration", "tokens"]
TraceStatus = Literal["running", RunEnd]
SpanStatus = Literal["ok", "error", "unset"]

#: The spans that may be looked at. Every condition is one placeholder or fixed text: values never are part of the SQL.
VISIBLE = f"""org_id = {{org:String}}
  AND started_at >= fromUnixTimestamp64Nano({{from:Int64}}) AND started_at < fromUnixTimestamp64Nano({{until:Int64}})
  AND {IN_SCOPE}"""
DURATION = "toUnixTimestamp64Nano(ended_at) - toUnixTimestamp64Nano(started_at)"
_IS_ROOT = "(type = 'run' OR parent_span_id = '')"
#: The state of a trace: that of its run, or what its root span says; without one it runs.
STATE = f"""multiIf(countIf({_IS_ROOT}) = 0, 'running', maxIf(run_status, type = 'run') != '',
  maxIf(run_status, type = 'run'), countIf({_IS_ROOT} AND status = 'error') > 0, 'failed', 'succeeded')"""
#: What the spans of one trace add up to, by which traces are sorted and compared.
MEASURES = {
    "start": "toUnixTimestamp64Nano(min(started_at))",
    "cost": "sum(cost_nano)",
    "duration": "toUnixTimestamp64Nano(max(ended_at)) - toUnixTimestamp64Nano(min(started_at))",
    "tokens": "sum(input_tokens + output_tokens)",
}
#: The same of one span.
OWN = {
    "start": "toUnixTimestamp64Nano(started_at)",
    "cost": "cost_nano",
    "duration": DURATION,
    "tokens": "input_tokens + output_tokens",
}

#: Fields that are compared as they are: those of whole records with their columns, and those of spans.
_OF_RECORDS = {"workflow": "workflow_name", "session_id": "session_id", "user_id": "user_id", "run_id": "run_id"}
_OF_SPANS = ("provider", "model", "type", "error_code")
_EQUAL = (*_OF_RECORDS, *_OF_SPANS)


@dataclass(frozen=True, kw_only=True)
class TraceFilter:
    """Which spans are wanted, and within which time: from ``from_ns`` until before ``until_ns``, since the epoch.

    What is empty or ``None`` does not filter. Of a trace, ``provider`` to ``text`` must hold for one and the same of
    its spans; ``status`` and the bounds are those of the whole trace. Of spans, all is of each span.
    Money is nano-dollars, durations are nanoseconds; bounds are included. ``text`` is looked for in names, steps, codes
    and messages of errors, in any case. ``prompt`` is a name, or a name and a version (``greeter@3``).
    """

    from_ns: int
    until_ns: int
    scope: SpanScope = field(default_factory=SpanScope)
    workflow: str = ""
    status: TraceStatus | SpanStatus | None = None
    session_id: str = ""
    user_id: str = ""
    run_id: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    provider: str = ""
    model: str = ""
    type: str = ""
    error_code: str = ""
    prompt: str = ""
    text: str = ""
    cost: tuple[int | None, int | None] = (None, None)
    duration: tuple[int | None, int | None] = (None, None)
    tokens: tuple[int | None, int | None] = (None, None)

    def parameters(self, org_id: str) -> Parameters:
        """Return the values of all placeholders of the conditions."""
        values: Parameters = {"org": org_id, "from": self.from_ns, "until": self.until_ns, **self.scope.parameters}
        values |= {name: getattr(self, name) for name in _EQUAL if getattr(self, name)}
        for number, (name, value) in enumerate(self.tags.items()):
            values |= {f"tag{number}": name, f"value{number}": value}
        if self.prompt:
            values["prompt"] = self.prompt
        if self.text:
            values["text"] = self.text.lower()
        if self.status is not None:
            values["status"] = self.status
        for name, bounds in self._bounds():
            values |= {f"{side}_{name}": bound for side, bound in bounds.items()}
        return values

    def of_records(self) -> str:
        """Return the condition that all spans of a wanted trace fulfil: what is said once in each of its records."""
        said = [f"{column} = {{{name}:String}}" for name, column in _OF_RECORDS.items() if getattr(self, name)]
        tags = [f"tags[{{tag{n}:String}}] = {{value{n}:String}}" for n in range(len(self.tags))]
        return " AND ".join(["1", *said, *tags])

    def of_span(self) -> str:
        """Return the condition that one span must fulfil; of everything: ``1``."""
        said = [f"{name} = {{{name}:String}}" for name in _OF_SPANS if getattr(self, name)]
        if self.prompt:
            said.append("(prompt = {prompt:String} OR startsWith(prompt, concat({prompt:String}, '@')))")
        if self.text:
            said.append("position(words, {text:String}) > 0")
        return " AND ".join(["1", *said])

    def of_trace(self) -> str:
        """Return the condition on what the spans of a trace add up to; for ``HAVING``."""
        said = [f"{STATE} = {{status:String}}"] if self.status is not None else []
        if self.of_span() != "1":
            said.append(f"countIf({self.of_span()}) > 0")
        return " AND ".join(["1", *said, *self._compared(MEASURES)])

    def of_one(self) -> str:
        """Return the condition on spans, each for itself."""
        said = ["status = {status:String}"] if self.status is not None else []
        return " AND ".join([self.of_span(), *said, *self._compared(OWN)])

    def _compared(self, measures: dict[str, str]) -> Iterator[str]:
        signs = {"min": ">=", "max": "<="}
        for name, bounds in self._bounds():
            yield from (f"{measures[name]} {signs[side]} {{{side}_{name}:Int64}}" for side in bounds)

    def _bounds(self) -> Iterator[tuple[str, dict[str, int]]]:
        for name, (least, most) in (("cost", self.cost), ("duration", self.duration), ("tokens", self.tokens)):
            yield name, {side: bound for side, bound in (("min", least), ("max", most)) if bound is not None}
