"""Who issues the invoices, and naming somebody else."""
