"""`make doctor`: canaries, the hops that they take, and the open ports."""
