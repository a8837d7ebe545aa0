"""One module for each group of measured lines: how the figure is taken, and its comparison."""
