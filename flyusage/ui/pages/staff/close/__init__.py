"""Closing a month: what stands in the way, what it comes to, and issuing it."""
