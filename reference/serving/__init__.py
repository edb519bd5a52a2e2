"""What the platform's own servers share."""
