"""View `sequences`: sessions or days as rows of behaviours."""
