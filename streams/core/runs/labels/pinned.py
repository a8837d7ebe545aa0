"""What a run knows of its security, read once: the entry ``RunSecurity`` with its labels parsed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from schemas.labels.label import TRUSTED, Label
from schemas.labels.mapped import Labels
from schemas.labels.servers import tool_key
from schemas.records.security.pinned import UNDECLARED, RunSecurity, ToolSecurity
from schemas.records.steps import AgentTurn, FunctionCall, LlmCall, StepSecurity, ToolCall
from streams.core.runs.labels.recorded import Words, label_from, read

Work = LlmCall | ToolCall | FunctionCall | AgentTurn

#: Functions are declared beside tools, by their name with this in front.
FUNCTION = "function:"
#: What an answer with a closed schema is: no free text, so nothing in it can be an order.
CLOSED = ToolSecurity(pure=True, endorses=True)


@dataclass(slots=True, eq=False)
class Begun:
    """What a step begins with: the labels of what decided it, of all that it reads, and of its arguments by place.

    ``security`` is what its request says where its node's own work is requested, and no person has approved of it;
    ``None`` until there was such a request.
    """

    decided: Words
    read: Words
    args: Labels
    security: StepSecurity | None = None


class Found:
    """Labels that one event has found, so that they are made once for it. It decides nothing.

    ``plain`` is the last step that began as others did, with what it began with, see ``labels.plain``.
    """

    __slots__ = ("_known", "plain")

    def __init__(self) -> None:
        self._known: dict[str, Labels] | None = None
        self.plain: tuple[str, Begun] | None = None

    def began(self, step_id: str, begun: Begun) -> Begun:
        """Remember what a plain step begins with, and return it."""
        self.plain = (step_id, begun)
        return begun

    def of(self, name: str, make: Callable[[], Labels]) -> Labels:
        """Return the labels of this name, made if they are not known."""
        if self._known is None:
            self._known = {}
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = make()
        return found


class Pinned:
    """The security of a run. ``inputs`` are the labels of its inputs, ``control`` that of what started it.

    Runs of equal security share one, see ``of`` and ``stored``: what was found by it is found for all of them.
    ``input_labels`` are the labels of inputs as the record has them, ``entry`` is the record as the table has it.
    """

    __slots__ = ("control", "endorses", "entry", "input_labels", "inputs", "record")

    def __init__(self, record: RunSecurity) -> None:
        self.record = record
        self.entry = _ENCODER.encode(record)
        self.inputs: Labels = read(record.inputs)
        same = self.inputs.recorded
        self.input_labels = same if same == record.inputs else record.inputs
        #: Whether any result may be trusted more than what it was made of.
        self.endorses = bool(record.closed) or any(one.endorses for one in record.tools.values())
        self.control: Label = label_from(tuple(record.control)) if record.control else TRUSTED

    @staticmethod
    def of(record: RunSecurity) -> "Pinned":
        """Return what a run of this security knows."""
        return Pinned.stored(_ENCODER.encode(record))

    @staticmethod
    def stored(entry: bytes) -> "Pinned":
        """Return what a run knows of whose security this is the entry. Raises ``msgspec.DecodeError``."""
        return _stored(entry)

    def declared(self, work: Work, workflow: str, node: str) -> ToolSecurity | None:
        """Return what is declared of what a node calls.

        ``None`` for the call of a model, and for a function of which nothing is said: it is as its arguments are.
        """
        if isinstance(work, ToolCall):
            found = self.record.tools.get(tool_key(work.name, work.config))
            return self.record.tools.get(work.name, UNDECLARED) if found is None else found
        if isinstance(work, FunctionCall):
            return self.record.tools.get(f"{FUNCTION}{work.name}")
        return CLOSED if self.is_closed(workflow, node) else None

    def is_closed(self, workflow: str, node: str) -> bool:
        """Return whether a node's answers are endorsed by their closed schema."""
        return bool(self.record.closed) and node in self.record.closed.get(workflow, ())

    def tools_of(self, work: Work) -> Mapping[str, ToolSecurity]:
        """Return what is declared of the tools that an agent may call."""
        if not isinstance(work, AgentTurn):
            return {}
        return {name: self.record.tools.get(name, UNDECLARED) for name in work.tools}


@lru_cache(256)
def _stored(entry: bytes) -> Pinned:
    return Pinned(_DECODER.decode(entry))


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(RunSecurity)
