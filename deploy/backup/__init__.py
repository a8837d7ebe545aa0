"""Backups of a whole site: the log cut at one offset vector, PostgreSQL, objects; and restores onto an empty site.

Decision 0056 says what is backed up, what is derived, and how offsets are kept.
"""
