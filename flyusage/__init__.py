"""flyusage: see, explain and bill what a fleet of machines costs."""

__version__ = "0.1.0"
