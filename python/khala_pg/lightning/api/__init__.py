"""HTTP side of the control plane: it authenticates, calls one SQL function, and answers."""
