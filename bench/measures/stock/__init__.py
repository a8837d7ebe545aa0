"""The engine next to stock Faust."""
