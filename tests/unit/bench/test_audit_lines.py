"""The lines of the audit log hold on a small log, and a verifier without a kept checkpoint would miss some."""

import random

from bench.prove.flow.audit import _KINDS, KEY, exported, tamperings_found
from schemas.audit.verifying import verify


def test_every_kind_of_tampering_is_found() -> None:
    found, missed = tamperings_found(5 * len(_KINDS), random.Random(1))
    assert (found, missed) == (30, [])


def test_a_fork_that_the_key_signed_is_intact_to_one_who_kept_nothing() -> None:
    forked = _KINDS["fork"](exported(1_000, 100)[0], random.Random(2))
    assert verify(forked, [KEY.public]).intact
