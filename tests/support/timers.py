"""A short notation for timers in tests: ``retry:a:2`` is the retry of step ``a``, attempt 2; ``deadline`` the run's."""

from schemas.records.timers import (
    ApprovalTimeout,
    Backstop,
    Deadline,
    Defer,
    Detached,
    Retry,
    SignalTimeout,
    StepTimer,
    Timer,
    Wait,
    timer_of,
)

_KINDS: dict[str, type[StepTimer]] = {
    "retry": Retry,
    "defer": Defer,
    "timeout": Backstop,
    "wait": Wait,
    "signal": SignalTimeout,
    "approval": ApprovalTimeout,
    "child": Detached,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def timer(text: str) -> Timer:
    """Return the timer that a text in the short notation means."""
    if text == "deadline":
        return Deadline()
    name, step_id, *numbers = text.split(":")
    return _KINDS[name](step_id, *map(int, numbers))


def short(named: str | Timer) -> str:
    """Return the short notation of a timer, or of its name in the table."""
    found = timer_of(named) if isinstance(named, str) else named
    if isinstance(found, Deadline):
        return "deadline"
    deferral = [found.deferral] if isinstance(found, Defer) else []
    return ":".join(map(str, (_NAMES[type(found)], found.step_id, found.attempt, *deferral)))
