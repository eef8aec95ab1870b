"""Types of documents for programs, made from the JSON Schema of each topic."""

from khala_pg.document_types.python import python_source as python_source
from khala_pg.document_types.typescript import typescript_source as typescript_source
