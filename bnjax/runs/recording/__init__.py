"""What a run tells: its records, lines of advice, the movie."""
