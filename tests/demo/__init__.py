"""Tests of the miniature fleet."""
