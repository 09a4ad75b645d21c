"""What lies on this computer, as a page: its size, backups, and the end of it."""
