"""Price books: their versions, a draft beside what it follows, and publishing it."""
