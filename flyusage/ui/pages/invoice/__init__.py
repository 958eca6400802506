"""One issued invoice or credit note: its state, its lines with their workings, and where its amount belongs."""
