"""Commands about whole topics: what is registered, staged, kept, forgotten and archived."""
