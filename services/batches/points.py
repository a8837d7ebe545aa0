"""The order in which a batched call is made. Each number is a place where a test kills the process.

==  ===================  ====================================================  ========================================
 n  point                done until then                                       killed right after it
==  ===================  ====================================================  ========================================
    of the worker, for one call (``services.calls.stages.batch``)
 1  stored               the call is stored as new                             the next delivery continues from it
 2  held                 its money is held                                     the same: the same call is held once
 3  announced            ``CallStarted`` is in the log                         the same: a repeat is known
 4  ready                it is stored as ready, with its hold                  its step comes back and waits
    of the role, for a batch (``services.batches.sender``)
 5  formed               the batch and its calls are stored                    it is due: the next process sends it
 6  uploaded             the provider has the file                             it is uploaded again; the first is unused
 7  upload_stored        the file's name is stored                             the batch is made over it
 8  submitting           stored that it is being sent                          ``find`` looks for it at the provider
 9  created              the provider has the batch                            the same: it is found by its name
10  submitted            the provider's name of it is stored                   it is polled
11  polled               the provider said how it is                           it is polled again
12  poll_stored          when to ask next is stored                            the same
13  cancel_sent          the provider was asked to cancel it                   it is asked again
14  cancel_stored        that it was asked is stored                           it is polled
    of the role, for its results (``services.batches.collector``)
15  fetched              the results are read                                  they are read again
16  settled              settlements are in the log                            they are sent again; each counts once
17  finished             the answers are stored                                the others are fetched again
18  closed               the batch is stored as ended                          its files stay at the provider
    of the role, for calls that were not made (``services.batches.sweeper``)
19  unwanted             calls of ended runs are stored as canceled            they are settled by the next sweep
20  canceled_settled     their settlements, at nothing, are in the log         they are sent again
21  settlements_stored   that they are is stored                               nothing is left to do
22  woken                timers of waiting steps are in the log                they are sent again; a step compares them
23  wakes_stored         when to wake them again is stored                     the same
    of the worker, for the answer
24  taken                the step has the answer, and it is stored as taken    the next delivery finds it again
==  ===================  ====================================================  ========================================
"""

from collections.abc import Callable

POINTS = (
    "stored",
    "held",
    "announced",
    "ready",
    "formed",
    "uploaded",
    "upload_stored",
    "submitting",
    "created",
    "submitted",
    "polled",
    "poll_stored",
    "cancel_sent",
    "cancel_stored",
    "fetched",
    "settled",
    "finished",
    "closed",
    "unwanted",
    "canceled_settled",
    "settlements_stored",
    "woken",
    "wakes_stored",
    "taken",
)

Reached = Callable[[str], None]
"""Called when a point is reached. It raises to play a crash."""


def onward(point: str) -> None:
    """Crash nowhere."""
