"""What an organization owes: the month as a statement that explains itself, and the invoices before it."""
