"""PostgreSQL: the pool, and one repository per noun. Every query is scoped to an organisation."""
