"""Converts video files to records, checks records, and renders the built-in Marionette videos."""
