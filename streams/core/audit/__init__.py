"""The fold of ``audit-events``: each event becomes an entry of its organisation's log, once and in order."""
