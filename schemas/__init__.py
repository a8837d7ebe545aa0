"""Data only: records, the workflow spec, ids, money and the exception tree. Imports nothing of ours."""
