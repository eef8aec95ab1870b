"""Orders in Django: views write them, one signs tokens, and clients of Khala see them live."""
