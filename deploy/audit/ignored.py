"""Advisories that do not concern us, by id, each with the reason and the date of the decision."""

from collections.abc import Mapping

IGNORED: Mapping[str, str] = {}
