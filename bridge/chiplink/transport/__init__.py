"""Lines to chips: bytes both ways, over SPI whole commands, and INT#; none knows their meaning."""
