"""The browser surface: pages, their pieces, and what the browser itself runs."""
