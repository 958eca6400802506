"""Budgets: how they stand, what they told, and a new one."""
