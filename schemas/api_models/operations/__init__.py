"""Requests and answers about the system itself: topics, workers, queues, webhooks."""
