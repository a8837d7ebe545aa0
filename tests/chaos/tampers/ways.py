"""All ways to tamper."""

from tests.chaos.tampers import events, money, runs, stores
from tests.chaos.tampers.tamper import TAMPERS, Tampered

__all__ = ["TAMPERS", "Tampered", "events", "money", "runs", "stores"]
