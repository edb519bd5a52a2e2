"""What an experiment can do and look at; thin, over suites.harness."""
