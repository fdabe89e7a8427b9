"""What is computed: plain synchronous operators on exact media time. This package knows nothing of how they are run."""
