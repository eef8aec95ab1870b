"""Commands that give and take away access: API keys, keyring, tokens, revocations."""
