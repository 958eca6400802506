"""The machines of an organization, costliest first."""
