"""What tests of several folders share: servers, databases, pgTAP."""
