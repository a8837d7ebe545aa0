"""What labels cost the engine: a run is folded to its end with and without them."""

from bench.flow.engine_cost import engine_costs


def test_a_run_costs_something_with_labels_and_without() -> None:
    plain, labelled = engine_costs(rounds=2, runs=2)
    assert 0 < plain < 100_000
    assert 0 < labelled < 100_000
