"""Pieces used by two pages or more."""
