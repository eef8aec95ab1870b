"""Who somebody is: tokens, the keys they are verified with, API keys, revocations, the issuer."""
