"""The signal that answers what a policy asks about a step: ``approve/<step id>``, with ``{"approve": true}`` or false.

``question`` in it names the question (``Question.id``), so that an answer counts for what the person was shown.
"""

_PREFIX = "approve/"


def approval_name(step_id: str) -> str:
    """Return the name of the signal for a step."""
    return f"{_PREFIX}{step_id}"


def step_of(name: str) -> str | None:
    """Return the step that a signal of this name is for; ``None`` for a signal that is no answer."""
    return name.removeprefix(_PREFIX) if name.startswith(_PREFIX) else None
