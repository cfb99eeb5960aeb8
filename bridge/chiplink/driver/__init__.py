"""One asyncio driver a chip: protocols and transports brought to life."""
