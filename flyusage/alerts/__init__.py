"""Budgets and what tells of them: spend so far and expected, thresholds, and the mail that a reached one sends. See README.md."""
