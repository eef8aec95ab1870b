"""Identity: tokens, the keys that verify them, API keys, revocations, the issuer."""
