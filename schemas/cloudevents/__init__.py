"""CloudEvents 1.0 as other systems send them: one event, its HTTP binding, and the submission that it is."""
