"""What a model reads for an answer: the label of all of it, and the facts by which rules at ``model_call`` decide."""

from collections.abc import Mapping

from schemas.compliance.facts import Known
from schemas.errors import BadRecord, InvalidInput, StepError
from schemas.labels.label import Label, joined, label_of
from schemas.labels.mapped import Labels
from schemas.policies.facts import ModelFacts, Where
from schemas.records.base import Json
from schemas.records.security.pinned import CallLabels
from schemas.records.steps import StepSecurity
from schemas.spec.error_codes import POLICY_FAILED


def read_by(security: StepSecurity) -> Label:
    """Return the label of all that a call reads: its arguments, an agent's context, and what chose that it is made.

    Raises ``BadRecord`` for one that cannot be read.
    """
    context = [label_of(security.context)] if security.agent or security.context else []
    return joined([Labels.read(security.args).whole, label_of(security.control), *context])


def model_facts(
    said: StepSecurity | CallLabels,
    data_class: str,
    where: Where,
    route: tuple[str, str],
    known: Known,
    args: Mapping[str, Json],
) -> ModelFacts:
    """Return the facts of a call that would go to a route; ``data_class`` has the classes that it is routed by.

    What an agent's call has read is all of its context, and of another one its arguments. Raises ``BadRecord`` for a
    label that cannot be read.
    """
    labels = Labels.read(said.args)
    context = label_of(said.context) if said.agent or said.context else labels.whole
    provider, model = route
    return ModelFacts(
        where=where,
        provider=provider,
        model=model,
        regions=known.regions,
        retention=known.retention_days,
        training=known.trains,
        certifications=known.certifications,
        args=args,
        labels=labels,
        control=label_of(said.control),
        context=context.join(Label(classes=frozenset(filter(None, data_class.split(","))))),
    )


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
