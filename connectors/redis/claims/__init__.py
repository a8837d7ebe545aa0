"""Claims of attempts: by workers, and by leases of users' workers."""
