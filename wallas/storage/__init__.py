"""The only package that opens a database session: one file per group of tables, functions named after what they do."""
