"""What `make bench` measures: ratios inside one run on one machine (docs/performance.md)."""
