"""Documents of workflows as text: read, measured, outlined and written."""
