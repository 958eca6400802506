"""An organization's directory: the address and tokens it provisions people with, and what its groups make of them."""
