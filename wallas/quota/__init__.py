"""What is left of each provider's limits, and when it comes back."""
