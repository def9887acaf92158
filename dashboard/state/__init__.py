"""What the page knows, as param classes without a screen: each can be driven from a script."""
