"""HTTP: routes, the search path, errors, keys."""
