"""Made traffic for the benchmark of the statistical detectors: ordinary days of many kinds, and attacks of many strengths."""
