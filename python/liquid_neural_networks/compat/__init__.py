"""Other libraries' names on this library's core: a way over for their users."""
