"""``make bench``: figures of the whole system, each beside its comparison in the same run."""
