"""Compiled programs and what drives them: an epoch's steps, the evaluation, outputs of frozen parts."""
