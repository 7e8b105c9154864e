"""What an event costs, as ratios taken in one run: `make bench`."""
