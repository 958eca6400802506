"""The command line beside the API: both must tell the same."""

from commanding import Said, flyusage

__all__ = ["Said", "flyusage"]
