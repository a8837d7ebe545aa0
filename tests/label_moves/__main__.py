"""``python -m tests.label_moves [MOVES]``: print for how many ms processes use the version of before a label's move."""

import sys

from tests.label_moves.moved import measured

print(f"{measured(int(sys.argv[1]) if sys.argv[1:] else 5)} ms")
