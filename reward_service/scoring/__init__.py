"""What happens to an item between the request and its result."""
