"""How large a site must be for a load: ``python -m deploy.sizing``."""
