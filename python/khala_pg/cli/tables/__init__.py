"""Commands that make a table live: attached tables and the types of their documents."""
