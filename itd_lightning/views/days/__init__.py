"""View `days`: a user's day as numbers."""
