"""Server side of the admin page: its sign-in, and what administrators read."""
