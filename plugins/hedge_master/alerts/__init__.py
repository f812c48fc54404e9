"""Messages to whoever is on call: what they are about, that each cause is told once, and how they travel."""
