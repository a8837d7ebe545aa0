"""Routes of the system itself: health, topics, workers, queues, limits."""
