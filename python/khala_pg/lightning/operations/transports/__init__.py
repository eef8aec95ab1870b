"""The ways to a control plane, one for each mode."""
