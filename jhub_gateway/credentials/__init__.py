"""Users' credentials while their servers run: kept fresh by the hub, read as files."""
