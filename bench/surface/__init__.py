"""What the area ``surface`` measures with."""
