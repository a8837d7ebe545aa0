"""Labels of arguments in one pass are those that are found one by one."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.labels.label import Integrity, Label
from schemas.labels.mapped import Labels
from schemas.labels.paths import ANY
from schemas.policies.arguments import argument_labels

_PARTS = st.sampled_from(["a", "b", ANY, 0])
_LABELS = st.builds(
    Label, st.sampled_from(Integrity), st.frozensets(st.sampled_from(["pii", "card"])), st.none(), st.just(frozenset())
)


@given(st.dictionaries(st.lists(_PARTS, max_size=3).map(tuple), _LABELS, max_size=6))
def test_one_pass_finds_what_each_path_has(places: dict[tuple[str | int, ...], Label]) -> None:
    labels = Labels(places)
    assert argument_labels(["a", "b", "c"], labels) == {name: labels.at((name,)).whole for name in "abc"}
