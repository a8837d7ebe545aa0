"""How versions of a prompt compare: scorers, statistics, judges, reports. Everything here is pure: no I/O, no clock."""
