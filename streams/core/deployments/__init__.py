"""The fold of deployment-outcomes: whether a prompt's new version stays, by tests that are valid at every look."""
