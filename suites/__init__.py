"""The suites: checks that judge a running platform, and the harness they are built on."""
