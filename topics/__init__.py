"""The catalogue of topics, the codec of their records, keys to partitions, and administration."""
