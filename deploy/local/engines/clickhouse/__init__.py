"""ClickHouse for one machine: the engine, its server over chdb, and the wire."""
