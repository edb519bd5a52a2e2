"""What a rehearsed release changes: as a real one would, on a busy table, and gone with the next release."""
