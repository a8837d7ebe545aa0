"""In-memory adapters of the engine's ports, for tests, benchmarks and the simulation."""
