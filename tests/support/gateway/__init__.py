"""Stand-in of a gateway that sells HTTP routes for Lightning payments, and of a wallet that pays.

`gateway` keeps deployments and sells what they say, `server` speaks HTTP.
"""
