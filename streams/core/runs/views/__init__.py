"""What readers and parent runs see of a run."""
