"""The overview: what was spent, what changed, and what it is made of."""
