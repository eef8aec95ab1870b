"""Code that several benches share: servers, load, client processes, results."""
