"""The Merkle tree: against the recursive definition of RFC 9162 written down here, and vectors made by hand."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.audit.proofs import (
    consistency_proof,
    consistency_ranges,
    inclusion_proof,
    inclusion_ranges,
    is_consistent,
    is_included,
    perfect_parts,
    stored_parts,
    together,
)
from schemas.audit.tree import EMPTY, appended, chained, frontier_of, leaf_hash, root_of, root_of_frontier

SIZES = st.integers(1, 700)


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(size)]


def defined_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, over hashes of leaves."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return sha256(b"\x01" + defined_root(leaves[:left]) + defined_root(leaves[left:])).digest()


def defined_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    if index < left:
        return [*defined_path(index, leaves[:left]), defined_root(leaves[left:])]
    return [*defined_path(index - left, leaves[left:]), defined_root(leaves[:left])]


def defined_consistency(old: int, leaves: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 9162, 2.1.4.1."""
    if old == len(leaves):
        return [] if whole else [defined_root(leaves)]
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    if old <= left:
        return [*defined_consistency(old, leaves[:left], whole), defined_root(leaves[left:])]
    return [*defined_consistency(old - left, leaves[left:], False), defined_root(leaves[:left])]


def test_vectors_by_hand() -> None:
    """SHA-256 of what the definition says: nothing, 0x00, and 0x01 with the two leaves."""
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    empty_leaf = leaf_hash(b"")
    assert empty_leaf.hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    second = leaf_hash(b"\x00")
    two = sha256(b"\x01" + empty_leaf + second).digest()
    assert root_of([empty_leaf, second]) == two
    assert root_of([empty_leaf, second, leaf_hash(b"\x10")]) == sha256(b"\x01" + two + leaf_hash(b"\x10")).digest()
    assert two.hex() == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"


@given(SIZES)
def test_the_frontier_and_the_levels_make_the_defined_root(size: int) -> None:
    leaves = leaves_of(size)
    frontier: tuple[bytes, ...] = ()
    for index, leaf in enumerate(leaves):
        frontier, _ = appended(frontier, index, leaf)
    assert frontier == frontier_of(leaves)
    assert len(frontier) == size.bit_count()
    assert root_of_frontier(frontier) == root_of(leaves) == defined_root(leaves)


def test_roots_of_whole_subtrees_are_given_when_they_are_complete() -> None:
    size = 65_536 + 300
    leaves = leaves_of(size)
    frontier: tuple[bytes, ...] = ()
    given_at = {}
    for index, leaf in enumerate(leaves):
        frontier, completed = appended(frontier, index, leaf)
        if completed:
            given_at[index] = completed
    assert list(given_at) == [*range(255, size, 256)]
    assert given_at[511] == (root_of(leaves[256:512]),)
    assert given_at[65_535] == (root_of(leaves[65_280:65_536]), root_of(leaves[:65_536]))


@given(SIZES, st.data())
def test_inclusion_is_shown_by_the_defined_proof_and_by_no_other(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    root = root_of(leaves)
    proof = inclusion_proof(leaves, index)
    assert proof == defined_path(index, leaves)
    assert is_included(leaves[index], index, size, proof, root)
    assert not is_included(leaf_hash(b"other"), index, size, proof, root)
    assert not is_included(leaves[index], index, size, [*proof, EMPTY], root)
    assert not is_included(leaves[index], index, size, proof, EMPTY)
    if proof:
        assert not is_included(leaves[index], index, size, proof[1:], root)
    other = data.draw(st.integers(0, size - 1))
    assert is_included(leaves[index], other, size, proof, root) is (other == index)


@given(SIZES, st.data())
def test_consistency_is_shown_by_the_defined_proof_and_by_no_other(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    leaves = leaves_of(size)
    root, old_root = root_of(leaves), root_of(leaves[:old])
    proof = consistency_proof(leaves, old)
    assert proof == defined_consistency(old, leaves)
    assert is_consistent(old, old_root, size, root, proof)
    assert not is_consistent(old, EMPTY, size, root, proof)
    assert not is_consistent(old, old_root, size, EMPTY, proof)
    assert not is_consistent(old, old_root, size, root, [*proof, EMPTY])
    if proof:
        assert not is_consistent(old, old_root, size, root, proof[:-1])


@given(SIZES, st.data())
def test_a_forked_log_has_no_proof_of_consistency(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    old = data.draw(st.integers(1, size))
    changed = data.draw(st.integers(0, old - 1))
    fork = [*leaves[:changed], leaf_hash(b"fork"), *leaves[changed + 1 :]]
    proof = consistency_proof(fork, old)
    assert not is_consistent(old, root_of(leaves[:old]), size, root_of(fork), proof)


def test_the_empty_log_is_the_beginning_of_any() -> None:
    assert is_consistent(0, EMPTY, 3, root_of(leaves_of(3)), [])
    assert not is_consistent(0, leaf_hash(b""), 3, root_of(leaves_of(3)), [])
    assert not is_consistent(4, EMPTY, 3, EMPTY, [])


@pytest.mark.parametrize("bad", [(3, 3), (-1, 3), (0, 0)])
def test_no_proof_of_what_there_is_not(bad: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no entry"):
        inclusion_ranges(*bad)
    assert not is_included(EMPTY, *bad, [], EMPTY)


@pytest.mark.parametrize("bad", [(0, 3), (4, 3)])
def test_no_proof_of_consistency_with_nothing_or_with_a_larger_log(bad: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="not consistent"):
        consistency_ranges(*bad)


@given(st.integers(1, 2**40), st.data())
def test_proofs_are_as_long_as_the_size_has_bits(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    assert len(inclusion_ranges(index, size)) <= size.bit_length()
    assert len(consistency_ranges(index + 1, size)) <= size.bit_length() + 1


@given(st.integers(1, 2_000), st.data())
def test_a_range_of_a_proof_is_made_of_stored_hashes(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    for start, end in [*inclusion_ranges(index, size), *consistency_ranges(index + 1, size)]:
        parts = []
        for part in perfect_parts(start, end):
            level, places = stored_parts(*part)
            assert level % 8 == 0
            assert len(places) < 256
            parts.append(root_of([root_of(leaves[place << level : (place + 1) << level]) for place in places]))
        assert together(parts) == root_of(leaves[start:end])


def test_the_chain_depends_on_order() -> None:
    a, b = leaves_of(2)
    assert chained(chained(EMPTY, a), b) != chained(chained(EMPTY, b), a)
