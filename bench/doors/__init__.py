"""What the lines of the area ``doors`` are measured with: a system whose doors are all open, and what goes through."""
