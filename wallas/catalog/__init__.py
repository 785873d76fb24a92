"""What is known about models: capabilities, prices, limits, retirement; an immutable snapshot in memory."""
