"""Labels of a run's data: what a step reads, what decides that it runs, and what it gives. Pure, as all of the fold.

Only runs that were submitted with ``RunSecurity`` have labels; of others nothing here is called.

| module | what it knows |
|---|---|
| ``recorded`` | labels as records have them, each text read once |
| ``pinned`` | what a run knows of its security |
| ``arguments`` | labels of a node's arguments, made of its compiled values |
| ``given`` | labels of what a settled node gives |
| ``names`` | where labels of names are looked up, as ``requests.step_request.node_scope`` looks up their values |
| ``control`` | the label of what decides that a node runs |
| ``results`` | the labels of a result, also for workers that go on by themselves |
| ``steps`` | what a step gets when it begins and when it ends |
| ``kept`` | labels of results that come from another run |
| ``requests`` | what a request says |
| ``results_of_run`` | the labels of what a run gives |
"""
