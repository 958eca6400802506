"""One machine: its life, its hours of a month, and why it cost what it did."""
