"""What keeps chiplink from working on this host, and the line that fixes it; writes nothing."""
