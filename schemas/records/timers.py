"""The timers of a run, as data: which rule is due, of which step and attempt.

A timer is an array whose first item is its kind: ``["retry","fetch[3]",2]``. The same bytes, as text, name it in the
fenced table (``timer_id``), so that equal timers are one member there.
"""

import msgspec

from schemas.records.base import Attempt, Int64


class _Timer(msgspec.Struct, frozen=True, array_like=True):
    """A timer of one attempt of a step."""

    step_id: str
    attempt: Attempt


class Retry(_Timer, frozen=True, array_like=True, tag="retry"):
    """The wait before ``attempt`` is over: request it."""


class Defer(_Timer, frozen=True, array_like=True, tag="defer"):
    """The attempt was given back unstarted: request it again."""

    deferral: Int64


class Backstop(_Timer, frozen=True, array_like=True, tag="backstop"):
    """The attempt has had all the time that it may take, and nothing is known of its end."""


class Wait(_Timer, frozen=True, array_like=True, tag="wait"):
    """A pause is over."""


class SignalTimeout(_Timer, frozen=True, array_like=True, tag="signal"):
    """A step has waited long enough for its signal, or its signal came before it."""


class ApprovalTimeout(_Timer, frozen=True, array_like=True, tag="approval"):
    """A person was asked whether the attempt may do what it would do, and has not answered in time."""


class Detached(_Timer, frozen=True, array_like=True, tag="detached"):
    """The run that a step started, and does not wait for, is in the log by now."""


class Deadline(msgspec.Struct, frozen=True, array_like=True, tag="deadline"):
    """The run has had all the time that it may take."""


StepTimer = Retry | Defer | Backstop | Wait | SignalTimeout | ApprovalTimeout | Detached
Timer = StepTimer | Deadline

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Timer] = msgspec.json.Decoder(Timer)


def timer_id(timer: Timer) -> str:
    """Return the name of a timer in the table."""
    return _ENCODER.encode(timer).decode()


def timer_of(named: str) -> Timer:
    """Return the timer that a name is of. Raises ``ValueError`` for one that these rules do not know."""
    try:
        return _DECODER.decode(named)
    except msgspec.DecodeError as exc:
        raise ValueError(f"{named[:200]!r} names no timer: {exc}") from exc
