"""`python -m wallas` is the `wallas` command."""

from wallas.cli import main

raise SystemExit(main())
