"""What waits to be sent or handed over, with its age and last error."""
