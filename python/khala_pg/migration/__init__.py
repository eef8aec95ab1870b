"""The database schema: the sqitch plan, changes by yoyo, function bodies, the version."""
