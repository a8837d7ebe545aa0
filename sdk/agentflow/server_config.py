"""Configuration files of the API and the stream roles, read by the server's own rules.

In the checkout they are in ``schemas``; the build of the wheel copies them, see ``agentflow.engine``. They need the
extra ``cli``.
"""

from schemas.configuration.file import ConfigFile, Problem, check_config, read_config
from schemas.configuration.report import Shown, report

__all__ = ["ConfigFile", "Problem", "Shown", "check_config", "read_config", "report"]
