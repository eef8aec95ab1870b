"""Updates on their way to sockets: live feeds, their audience, pages of replay, subscriptions."""
