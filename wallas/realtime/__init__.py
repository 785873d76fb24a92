"""OpenAI's Realtime protocol: a session, its conversation, and each response a turn on the ordinary attempt loop."""
