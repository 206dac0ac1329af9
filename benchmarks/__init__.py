"""Speed, side by side in one run: `python -m benchmarks [NAME …]`. Not part of the tests: machines are noisy."""
