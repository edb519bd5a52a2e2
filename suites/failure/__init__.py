"""What users feel while something breaks."""
