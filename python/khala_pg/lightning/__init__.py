"""The Lightning control plane outside of the database: records, compiler, operations programs."""
