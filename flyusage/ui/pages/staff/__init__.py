"""Staff's pages: price books, closing a month, what waits, revenue, questions."""
