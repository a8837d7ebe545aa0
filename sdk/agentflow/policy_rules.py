"""Documents of policies, read, tested and decided by the server's own rules.

In the checkout they are in ``schemas``; the build of the wheel copies them, see ``agentflow.engine``. They need the
extra ``testing``.
"""

from schemas.errors import InvalidInput, Problem
from schemas.policies.document import Policy
from schemas.policies.packs import PACKS
from schemas.policies.read import read_policy
from schemas.policies.testing import Report, TestResult, run_tests

__all__ = ["PACKS", "InvalidInput", "Policy", "Problem", "Report", "TestResult", "read_policy", "run_tests"]
