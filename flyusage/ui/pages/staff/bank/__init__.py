"""Payments that arrived at the bank, entered for their invoices."""
