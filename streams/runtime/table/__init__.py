"""The fenced table: fold, emit, commit, take over, restore."""
