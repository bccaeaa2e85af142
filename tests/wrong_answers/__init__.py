"""Typical wrong answers, one file a chapter: `WRONG = {"08.2": [answer, ...]}` in `ch08.py`."""
