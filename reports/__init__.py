"""Records, objectives, judgement, report and gate. Knows nothing of pytest, Kubernetes or the platform."""
