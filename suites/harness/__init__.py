"""Everything the checks and the experiments are built on; knows nothing of pytest, objectives or verdicts."""
