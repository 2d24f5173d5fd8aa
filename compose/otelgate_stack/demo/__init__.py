"""`make demo`: an example agent's runs, and all that the stores hold of them."""
