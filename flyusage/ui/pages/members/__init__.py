"""Who belongs to the organization, as what, and who is invited."""
