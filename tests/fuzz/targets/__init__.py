"""What is damaged and which promise must hold all the same: one file for each room that reads a stranger's octets."""
