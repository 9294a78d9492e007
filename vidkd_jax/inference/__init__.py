"""Choosing the clips of a video that are worth a teacher's time, and answering with them.

`selectors` choose clips, `study` compares selectors on cached `scores`, and `engine` streams videos
through a sampler and a teacher.
"""
