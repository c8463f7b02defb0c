"""bnjax from Python: functions that train, compare and judge, and what they return."""
