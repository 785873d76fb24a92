"""Files and media: fetched safely, looked at, and turned into what a model can read."""
