"""How it runs: sources and operators joined into lanes, logs and views, here or on a Ray cluster."""
