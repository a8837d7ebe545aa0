"""What is stored of a run, and the unit of work that changes it."""
