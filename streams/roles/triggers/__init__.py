"""Topics of other systems submit runs, by the triggers of organisations."""
