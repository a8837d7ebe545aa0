"""Roles that carry records to stores and to other systems. They decide nothing."""
