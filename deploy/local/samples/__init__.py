"""The samples of the first start and of the demo."""
