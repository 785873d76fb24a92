"""What turns files into Markdown. All of this runs in guarded children: ``read(data, options, tell)``."""
