"""An organization's settings: what it is called, whom invoices go to, and the ways out of it."""
