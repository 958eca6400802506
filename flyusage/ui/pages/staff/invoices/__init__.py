"""Issued invoices as staff correct them: credit notes, void, given up."""
