"""The labels of what a tool has just given, as rules at ``output`` decide by them."""

from msgspec.structs import replace

from schemas.labels.declarations import declared_source
from schemas.labels.label import TRUSTED, Label, label_of
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, parse_path
from schemas.records.security.pinned import UNDECLARED
from schemas.records.steps import StepSecurity
from services.security.enforcement.reading import read_by


def labels_of_result(security: StepSecurity) -> Labels:
    """Return the labels of a tool's result: what is declared of it, joined with all that the call was made of.

    Readers that the value itself names are not looked up: nobody is known to be one. Raises ``BadRecord``.
    """
    declared, own = security.tool or UNDECLARED, read_by(security)
    if declared.declared and declared.endorses:
        # It vouches for the data, and not for the choice to make the call.
        own = replace(own, integrity=label_of(security.control).integrity if security.control else TRUSTED.integrity)
    places = {ROOT: declared_source(declared).join(own)}
    places |= {parse_path(path): label_of(words).join(own) for path, words in declared.fields.items()}
    labels = Labels(places)
    limited = {parse_path(path): Label(readers=frozenset()) for path in declared.readers}
    return Labels(places | {path: labels.nearest(path).join(one) for path, one in limited.items()})
