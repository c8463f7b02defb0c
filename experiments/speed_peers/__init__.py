"""The contestants of ``experiments/speed.py``, one file each, and the contest between them."""
