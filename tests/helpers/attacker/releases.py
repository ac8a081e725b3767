"""What the difference of two releases adds."""
read_releases = None
