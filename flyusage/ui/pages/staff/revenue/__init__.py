"""Revenue by month, exact, and the cohorts of price experiments."""
