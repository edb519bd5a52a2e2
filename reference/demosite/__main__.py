"""`python -m reference.demosite`."""

from reference.demosite.server import main

raise SystemExit(main())
