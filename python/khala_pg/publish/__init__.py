"""Delivery of documents to other systems: the worker of a publisher, and a sender for each kind.

What is delivered when, and what becomes of it, is decided by SQL functions (sqlapi.publish).
"""
