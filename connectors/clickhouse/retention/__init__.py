"""What retention reads and deletes in ClickHouse: traces of runs, old costs, references to stored objects."""
