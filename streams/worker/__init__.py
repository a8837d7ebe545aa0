"""The worker: takes step requests when it has room, does each once, and puts every outcome in the log.

``handler`` meets the transport, ``attempts`` is the life of one attempt (claim, execute, store, publish), ``execution``
and ``model_calls`` do the work, ``ledger`` knows what it did cost, ``records`` says it in records.
"""
