"""Inputs of a schedule whose runs have a data subject, as its row has them: one value, sealed. Pure.

``{"$sealed": <reference>}``: the reference names the pseudonym, so nothing else of the row does.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.payload import Reference
from schemas.privacy.sealed import subject_of

SEALED_INPUTS = "$sealed"


def stored_inputs(reference: Reference) -> dict[str, Any]:
    """Return sealed inputs as a row has them."""
    return {SEALED_INPUTS: msgspec.to_builtins(reference)}


def sealed_inputs(inputs: Mapping[str, Any]) -> Reference | None:
    """Return the sealed inputs that a row has; ``None`` for inputs in clear."""
    if inputs.keys() != {SEALED_INPUTS}:
        return None
    found = {name: value for name, value in inputs[SEALED_INPUTS].items() if name != "kind"}
    reference: Reference = msgspec.convert(found, Reference)
    return reference


def subject_of_inputs(inputs: Mapping[str, Any]) -> str:
    """Return the pseudonym of the person whose inputs a row has; empty for inputs in clear."""
    reference = sealed_inputs(inputs)
    return "" if reference is None else subject_of(reference)
