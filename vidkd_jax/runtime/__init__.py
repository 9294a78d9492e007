"""What any program here needs: devices, memory, locks, caches, progress."""
