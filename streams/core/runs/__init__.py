"""The rules of a run: what its events do to its state, and what is asked of the world then.

``fold.RunFold`` is the way in. ``rules`` has a row for every event in every situation, ``nodes.kinds`` one for every
kind of node, ``transitions`` every state with its legal moves. ``state`` is what is kept of a run, with a side to read
and a side to change; ``plan`` a workflow compiled for folding; ``requests`` what workers are sent; ``views`` what
readers see.
"""
