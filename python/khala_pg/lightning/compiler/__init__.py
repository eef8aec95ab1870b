"""The compiler of the gateway's configuration: paywalls in, Aperture's YAML and diagnostics out.

The order of the input changes nothing in the output.
"""

from khala_pg.lightning.compiler.compile import Compiled, compile_paywalls

__all__ = ["Compiled", "compile_paywalls"]
