"""Least privileges: what each role may do in Kafka, PostgreSQL, Redis and ClickHouse, printed or applied.

``python -m deploy.privileges kafka|postgres|redis|clickhouse --print|--apply``. Kafka's rules follow from the catalogue
and the roles' specs; those of the stores stand in one table for each. docs/how-to/hardening.md has the steps.
"""
