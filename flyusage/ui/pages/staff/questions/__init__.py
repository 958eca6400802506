"""Questions on invoice lines that wait for an answer."""
