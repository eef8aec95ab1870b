"""What tests of several folders share, in folders by purpose."""
