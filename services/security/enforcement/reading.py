"""The label of all that a model reads for an answer."""

from schemas.errors import BadRecord, InvalidInput, StepError
from schemas.labels.label import Label, joined, label_of
from schemas.labels.mapped import Labels
from schemas.records.security.pinned import CallLabels
from schemas.records.steps import StepSecurity
from schemas.spec.error_codes import POLICY_FAILED


def read_by(security: StepSecurity) -> Label:
    """Return the label of all that a call reads: its arguments, an agent's context, and what chose that it is made.

    Raises ``BadRecord`` for one that cannot be read.
    """
    context = [label_of(security.context)] if security.agent or security.context else []
    return joined([Labels.read(security.args).whole, label_of(security.control), *context])


def context_of(said: StepSecurity | CallLabels, data_class: str) -> Label:
    """Return the label of all that was read when a call is made, with the classes that it is routed by.

    Of a call that no agent makes it is that of its arguments. Raises ``BadRecord`` for one that cannot be read.
    """
    context = label_of(said.context) if said.agent or said.context else Labels.read(said.args).whole
    return context.join(Label(classes=frozenset(filter(None, data_class.split(",")))))


def classes_of(security: StepSecurity) -> list[str]:
    """Return the data classes of all that a call reads, sorted; none in shadow mode, which changes nothing.

    Raises a final ``StepError`` (``policy_failed``) for labels that cannot be read.
    """
    if security.mode == "shadow":
        return []
    try:
        return sorted(read_by(security).classes)
    except (BadRecord, InvalidInput) as exc:
        raise StepError(POLICY_FAILED, f"the labels of what the call reads cannot be read: {exc}") from exc
