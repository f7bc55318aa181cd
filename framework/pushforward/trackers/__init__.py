"""Where a run's numbers and pictures go, one place a file."""
