"""Writing side: commands recorded as runs, files of events loaded, summaries rebuilt."""
