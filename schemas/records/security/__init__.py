"""Records of security: what a run pins, decisions, the audit log."""
