"""An organization's single sign-on: its provider, its domains, what its groups may do, and whether everybody must come that way."""
