"""Redis: fenced tables, leases, holds, caches and readers."""
