"""Handing issued invoices to the payment processor (Stripe), and hearing from it what became of them."""
