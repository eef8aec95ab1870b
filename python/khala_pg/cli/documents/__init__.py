"""Commands that write documents to the database, and read them there."""
