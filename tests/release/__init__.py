"""`make release`: a version, from the last commit to what is handed out."""
