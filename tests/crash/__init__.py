"""Every verb, killed at every file-system event in turn, and continued: is anything lost?

Run by `benchmarks/crash.py`, in part (`--quick`) by the continuous integration; `pytest` does not collect it.
"""
