"""Learning: the state and its optimizer, where data lies, steps, and the programs made of them."""
