"""Commands that serve clients, or show a surface to a person."""
