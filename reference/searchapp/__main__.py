"""`python -m reference.searchapp`."""

from reference.searchapp.cli import main

raise SystemExit(main())
