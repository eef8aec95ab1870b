"""Commands about the database itself: its schema, a session in it, what is wrong with it."""
