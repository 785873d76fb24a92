"""Files and made media: bytes by their hash in one folder, whose they are and how long they live in the database."""
