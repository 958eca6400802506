"""What a past range would have cost otherwise: under other prices, elsewhere, at another size, with a reservation."""
