"""View `signals`: daily counts and their rhythms."""
