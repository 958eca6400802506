"""Pure drawing: rows in, Plotly figure (plain dict) out. No session, no State, no reflex."""
