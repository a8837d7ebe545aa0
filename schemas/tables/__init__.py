"""Names of entities and entries in the fenced tables, shared by writers and readers."""
