"""The command line as a person meets it."""

from commanding import Flyusage, Said, flyusage

__all__ = ["Flyusage", "Said", "flyusage"]
