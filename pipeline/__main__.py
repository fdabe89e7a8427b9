"""`python -m pipeline` is `capstream`."""

from pipeline.cli import main

main()
