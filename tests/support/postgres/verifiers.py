"""Passwords as PostgreSQL keeps them."""

import base64
import hashlib
import hmac
import secrets


def quick_verifier(password: str) -> str:
    """The SCRAM verifier of a password (RFC 5803) after one iteration in the place of 4096.

    It takes a client 1 ms to log in rather than 6, and a test logs in ten times. What the
    iterations are for, a stolen verifier, is nothing that happens to these passwords.
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    parts = salt, hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256")
    encoded_salt, stored, server = (base64.b64encode(part).decode() for part in parts)
    return f"SCRAM-SHA-256$1:{encoded_salt}${stored}:{server}"
