"""All ways to tamper."""

from tests.chaos.tampers import events, money, routes, runs, stores
from tests.chaos.tampers.tamper import TAMPERS, Tampered

__all__ = ["TAMPERS", "Tampered", "events", "money", "routes", "runs", "stores"]
