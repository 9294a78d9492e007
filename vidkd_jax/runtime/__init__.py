"""Devices, memory, locks, caches and progress bars, for all programs of this library."""
