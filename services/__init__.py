"""Use cases, one folder per feature; used by stream roles and by the API."""
