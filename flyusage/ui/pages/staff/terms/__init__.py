"""What an organization agreed beside its price book, and agreeing it."""
