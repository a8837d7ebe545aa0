"""What is unsafe in how a site is set up: ``python -m deploy.verify`` refuses it, with the reason and the fix."""
