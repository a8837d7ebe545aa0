"""Calls that go to providers in batches: gathered, sent, collected and settled. The role ``batches`` does it."""
