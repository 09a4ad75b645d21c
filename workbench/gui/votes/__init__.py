"""The Votes page: ranking, what the votes are worth, and every vote."""
