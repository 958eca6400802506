"""Alerts: what is out of the ordinary, where alerts are sent, and what was sent."""
