"""Names to modules: where an option becomes a module, for all families."""
