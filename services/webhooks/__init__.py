"""Events to webhooks: which webhook takes which event, and the delivery with its retries."""
