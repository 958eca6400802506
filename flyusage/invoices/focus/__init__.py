"""FOCUS 1.2 Cost and Usage: what was billed, in the columns that other providers' bills come in."""
