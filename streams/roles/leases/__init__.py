"""The role of leases: gives steps of queues to users' own workers over HTTP."""
