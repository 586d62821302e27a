"""View `narratives`: a user's day in words."""
