"""The game of erasure: people's data in real runs, some of them erased under kills, and a search through every store.

``scan`` finds planted strings in raw bytes, in whatever form they were written; ``stores`` names the bytes of each
store. The scanner is itself tested on planted bytes, and a control without a subject is found in every game.
"""
