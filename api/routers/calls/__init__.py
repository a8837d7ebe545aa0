"""Routes of model calls: choices of models, caches, batches, quotas, keys of providers."""
