"""The rules of a run: what its events do to its state, and what is asked of the world then.

``fold.RunFold`` is the way in. ``states`` has every state with its legal moves, ``entries`` what is kept of a
run, ``plan`` a workflow compiled for folding, ``binding`` the arguments of a step. The rest is one verb a module.
"""
