"""What each thing costs: per region, on a day, and since when."""
