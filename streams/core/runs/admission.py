"""The decision by which a run leaves ``queued``: the place where organisations' limits and fair turns will live."""

from typing import Literal

from streams.core.runs.entries import Header

Decision = Literal["admit", "wait"]


def admit(header: Header) -> Decision:  # noqa: ARG001 - what limits will look at
    """Return whether a queued run may start. There are no limits yet: every run is admitted."""
    return "admit"
