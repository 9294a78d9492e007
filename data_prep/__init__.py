"""From video files to records: builders, checks, and the built-in Marionette videos."""
