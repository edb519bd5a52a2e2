"""What happens around an experiment."""
