"""Verified replays beside the stores: with the functions of a worker and with stored values."""
