"""Byte lines to chips: each moves bytes and knows nothing of what they mean."""
