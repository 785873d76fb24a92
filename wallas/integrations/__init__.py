"""Other programs and services that are no models: web search."""
