"""Audit logs in memory and reports of them."""

from bench.privacy.compliance.logs import MONTH, MemoryLog, activated, decided, event, month

__all__ = ["MONTH", "MemoryLog", "activated", "decided", "event", "month"]
