"""Asyncio helpers: clock, cancellation, batching, retries, tuning of the event loop and collector."""
