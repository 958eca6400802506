"""Experiments with prices: who takes part, starting one, and returning everybody."""
