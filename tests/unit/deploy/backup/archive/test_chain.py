"""Chains: what joins, what stands alone, what may go."""

import pytest

from connectors.ports.archive import Range
from deploy.backup.archive.chain import chain_of, continued, covering, every_part, partition_copy, spare
from deploy.backup.errors import BackupRefused, DamagedBackup
from tests.support.backups import backup_id, manifest, topic


def _made(*all_of):
    return {one.id: one for one in all_of}


def test_a_partition_is_read_back_to_a_slice_that_follows_nothing() -> None:
    full = manifest(1, topics={"t": topic((3, 10, False), (0, 4, False))})
    second = manifest(2, 1, topics={"t": topic((10, 12, True), (6, 9, False))})
    third = manifest(3, 2, topics={"t": topic((12, 12, True), (9, 11, True))})
    chain = chain_of(third.id, _made(full, second, third))

    first, end, parts = partition_copy(chain, "t", 0)
    assert (first, end, [(p.backup_id, p.part.name) for p in parts]) == (
        3,
        12,
        [(full.id, "0/3"), (second.id, "0/10")],
    )
    first, end, parts = partition_copy(chain, "t", 1)
    assert (first, end, [p.part.name for p in parts]) == (6, 11, ["1/6", "1/9"])
    assert len(every_part(chain)) == 5


def test_slices_that_do_not_join_are_refused() -> None:
    full = manifest(1, topics={"t": topic((0, 10, False))})
    hole = manifest(2, 1, topics={"t": topic((11, 12, True))})

    with pytest.raises(DamagedBackup, match="does not end where"):
        partition_copy(chain_of(hole.id, _made(full, hole)), "t", 0)
    alone = manifest(2, topics={"t": topic((11, 12, True))})
    with pytest.raises(DamagedBackup, match="no beginning"):
        partition_copy([alone], "t", 0)
    with pytest.raises(DamagedBackup, match="does not end where"):
        partition_copy([full], "u", 0)


def test_a_missing_parent_is_named() -> None:
    child = manifest(2, 1)

    with pytest.raises(DamagedBackup, match=f"{backup_id(1)}, the parent of {backup_id(2)}"):
        chain_of(child.id, _made(child))
    with pytest.raises(DamagedBackup, match="is missing"):
        chain_of(backup_id(9), _made(child))
    loop = manifest(1, 2)
    with pytest.raises(DamagedBackup, match="its own parent"):
        chain_of(child.id, _made(child, loop))


@pytest.mark.parametrize(
    ("topic_id", "now", "wanted"),
    [
        ("t", Range(0, 12), (10, True)),
        ("t", Range(10, 10), (10, True)),
        ("t", Range(11, 12), (11, False)),  # retention overtook the parent
        ("t", Range(0, 9), (0, False)),  # the log came back with fewer records
        ("other", Range(0, 12), (0, False)),  # the topic was made again
    ],
)
def test_an_increment_follows_where_it_can(topic_id, now, wanted) -> None:
    parent = manifest(1, topics={"t": topic((0, 10, False))})

    assert continued(parent, "t", topic_id, 0, now) == wanted
    assert continued(None, "t", topic_id, 0, now) == (now.start, False)
    assert continued(parent, "t", topic_id, 7, now) == (now.start, False)


def test_the_backup_of_a_time_is_the_first_that_was_cut_after_it() -> None:
    made = [manifest(n) for n in (1, 2, 3)]

    assert covering(made, 2 * 60_000).id == backup_id(2)
    assert covering(made, 2 * 60_000 + 1_001).id == backup_id(3)
    with pytest.raises(BackupRefused, match="not in the archive"):
        covering(made, 10 * 60_000)


def test_what_may_go_is_needed_by_nothing_that_stays() -> None:
    made = _made(manifest(1), manifest(2, 1), manifest(3), manifest(4, 3), manifest(5, 4))

    assert spare(made, 1) == [backup_id(1), backup_id(2)]
    assert spare(made, 4) == []
