"""Verification of audit logs, and of reports of evidence, by the server's own rules, without a server.

In the checkout they are in ``schemas.audit`` and ``schemas.compliance``; the build of the wheel copies them, see
``agentflow.engine``. They need the extra ``cli``.
"""

from schemas.audit.notes import BadNote, Checkpoint, PublicKey
from schemas.audit.proofs import is_consistent, is_included
from schemas.audit.verifying import Finding, Manifest, Verified, line_leaf, verified_by, verify
from schemas.compliance.page import page_of, report_in
from schemas.compliance.report import verify_report

__all__ = [
    "BadNote",
    "Checkpoint",
    "Finding",
    "Manifest",
    "PublicKey",
    "Verified",
    "is_consistent",
    "is_included",
    "line_leaf",
    "page_of",
    "report_in",
    "verified_by",
    "verify",
    "verify_report",
]
