"""ClickHouse: inserts of analytics rows and the schema's migrations."""
