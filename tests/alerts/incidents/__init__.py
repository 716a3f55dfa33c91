"""
Fourteen incidents, each played once before our rules and public ones: which alerts fire, and after how long.
"""
