"""``python -m deploy.doctor`` and ``agentctl doctor --cluster``: facts of all engines of a site, and checks of them."""
