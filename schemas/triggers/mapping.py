"""From what arrived to a submission: the filter, the inputs, the submission's id and the data subject. Pure.

**The invariant of triggers.** The id of a submission is a function of what arrived and of nothing else: of the record's
position in its topic, of a header or of an expression. So is its source, or else it is the trigger's. A record that is
read twice, by one process or by two, therefore gives the same id, and submissions with one id are one run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.api_models.runs import MAX_ID_LENGTH
from schemas.cloudevents.submission import refuse_own_source
from schemas.errors import BadRecord, InvalidInput, Problem
from schemas.ids import HTTP_SOURCE
from schemas.records.base import Json
from schemas.triggers.arrived import TriggerKind
from schemas.triggers.expressions import Expression, activation, compile_expression
from schemas.values.text import text_fault


@dataclass(frozen=True, slots=True)
class Rules:
    """The expressions of a trigger as texts. An empty text is no expression."""

    kind: TriggerKind
    inputs: Mapping[str, str]
    filter: str = ""
    source: str = ""
    idempotency: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What becomes of something that passed the filter.

    ``submission_id``, ``subject`` and ``source`` are ``None`` without an expression.
    """

    inputs: dict[str, Json]
    submission_id: str | None = None
    subject: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class TriggerMap:
    """The compiled rules of a trigger."""

    kind: TriggerKind
    inputs: Mapping[str, Expression]
    filter: Expression | None = None
    source: Expression | None = None
    idempotency: Expression | None = None
    subject: Expression | None = None

    def of(self, variables: Mapping[str, Any]) -> Mapped | None:
        """Return what becomes of something that arrived; ``None`` where the filter holds it back.

        Raises ``BadRecord`` for what an expression cannot read: it is neither passed nor dropped silently.
        """
        read = activation(self.kind, variables)
        if self.filter is not None and not self.filter.holds(read):
            return None
        named = "" if self.source is None else _text(self.source, self.source.value(read))
        return Mapped(
            inputs={name: one.value(read) for name, one in self.inputs.items()},
            submission_id=None if self.idempotency is None else _text(self.idempotency, self.idempotency.value(read)),
            subject=None if self.subject is None else _text(self.subject, self.subject.value(read)),
            source=None if self.source is None else checked_source("source", named),
        )


def compile_rules(rules: Rules) -> TriggerMap:
    """Return the rules ready to use. Raises ``InvalidInput`` with each expression that is wrong."""
    problems: list[Problem] = []

    def compiled(name: str, text: str, *, decides: bool = False) -> Expression | None:
        found = compile_expression(name, text, rules.kind, decides=decides)
        if isinstance(found, Problem):
            problems.append(found)
            return None
        return found

    made = TriggerMap(
        kind=rules.kind,
        inputs=_only_good((name, compiled(f"inputs.{name}", text)) for name, text in rules.inputs.items()),
        filter=compiled("filter", rules.filter, decides=True) if rules.filter else None,
        source=compiled("source", rules.source) if rules.source else None,
        idempotency=compiled("idempotency", rules.idempotency) if rules.idempotency else None,
        subject=compiled("subject", rules.subject) if rules.subject else None,
    )
    if problems:
        raise InvalidInput.of(*problems)
    return made


def checked_id(name: str, value: str) -> str:
    """Return a submission's id. Raises ``BadRecord`` for one that is empty, too long or no text."""
    if not value:
        raise BadRecord("idempotency", f"{name} is empty, so a repetition could not be told from another run")
    if len(value) > MAX_ID_LENGTH:
        raise BadRecord("idempotency", f"{name} has {len(value)} characters, the most is {MAX_ID_LENGTH}")
    if fault := text_fault(value):
        raise BadRecord("idempotency", f"{name} has {fault}")
    return value


def checked_source(name: str, value: str) -> str:
    """Return the source of a submission that something outside of us names. Raises ``BadRecord``.

    Senders to webhooks and writers of topics have no key: they may not take the ids of senders who have one, or ours.
    """
    checked_id(name, value)
    if value == HTTP_SOURCE:
        raise BadRecord("source", f"{name}: {HTTP_SOURCE!r} is the source of requests with a key; send another")
    try:
        refuse_own_source(value, name)
    except InvalidInput as exc:
        raise BadRecord("source", str(exc)) from exc
    return value


def _only_good(found: Iterable[tuple[str, Expression | None]]) -> dict[str, Expression]:
    return {name: one for name, one in found if one is not None}


def _text(expression: Expression, value: Json) -> str:
    """Return an id or a source: a text, or a whole number as one."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadRecord("idempotency", f"{expression.name}: its value is neither a text nor a whole number")
    return checked_id(expression.name, str(value))
