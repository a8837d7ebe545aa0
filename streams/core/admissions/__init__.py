"""The fold of admissions: whose runs may start."""
