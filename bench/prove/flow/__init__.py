"""Area ``flow``: what data may do where. Each module of lines has ``AIMS`` and ``measure``, and a row here."""

from bench.prove.area import area_of
from bench.prove.flow import (
    agentdojo,
    audit,
    killed,
    mistakes,
    noninterference,
    overhead,
    pinning,
    policies,
    static,
    taint,
    tenancy,
    validation,
)

PARTS = (
    audit,
    killed,
    mistakes,
    noninterference,
    overhead,
    pinning,
    policies,
    static,
    taint,
    tenancy,
    validation,
    agentdojo,
)

AREA = area_of(
    "flow",
    "what data may do where: labels, policies, validation, audit, organisations",
    PARTS,
    judged_when_quick=True,
)
