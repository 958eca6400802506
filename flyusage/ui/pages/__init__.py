"""One module per page: its State and its page function."""
