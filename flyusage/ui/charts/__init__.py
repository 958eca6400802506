"""Charts, drawn from rows: frozen dataclasses in, plain-dict Plotly figures out.

Pure: no session, no State, no query, no Reflex. Every colour comes from a `Theme`, every name that came in with an
event goes through `text`, and every trace carries its series' key as `uid`. All figures need only Plotly's basic
bundle (scatter and bar), the treemap, heat map and world map included.
"""
