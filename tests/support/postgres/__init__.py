"""PostgreSQL: servers, databases and their sessions, and what stands before or beside them."""
