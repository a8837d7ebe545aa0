"""What becomes of a submission before anything of it is written."""
